//! The second wall, without a database.
