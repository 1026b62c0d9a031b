//! The names of what OIDs stand for, as PostgreSQL writes them.

use std::collections::HashMap;

use crate::asking::Asking;

/// Names by OID, and the columns of relations.
pub struct Names {
    pub relations: HashMap<u32, String>,
    pub columns: HashMap<(u32, i16), String>,
    pub functions: HashMap<u32, String>,
    pub operators: HashMap<u32, String>,
    pub types: HashMap<u32, String>,
}

impl Names {
    /// Asks the server.
    pub fn read(asking: &Asking) -> Self {
        let by_oid = |sql: &str| {
            let rows = asking.database.admin(sql);
            let row = |line: &str| {
                let (oid, name) = line.split_once('|').unwrap();
                (oid.parse().unwrap(), name.to_owned())
            };
            rows.ok().lines().map(row).collect()
        };
        let columns = asking
            .database
            .admin("SELECT attrelid, attnum, attname FROM pg_attribute");
        let column = |line: &str| {
            let mut parts = line.splitn(3, '|');
            let mut part = || parts.next().unwrap();
            let key = (part().parse().unwrap(), part().parse().unwrap());
            (key, part().to_owned())
        };
        Self {
            relations: by_oid("SELECT oid, oid::regclass FROM pg_class"),
            columns: columns.ok().lines().map(column).collect(),
            functions: by_oid("SELECT oid, oid::regprocedure FROM pg_proc"),
            operators: by_oid("SELECT oid, oid::regoperator FROM pg_operator"),
            types: by_oid("SELECT oid, oid::regtype FROM pg_type"),
        }
    }
}
