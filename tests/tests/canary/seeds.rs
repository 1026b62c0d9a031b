//! The tries by hand: what was thought of rather than generated. Each is run as it stands and is a seed of mutations.

use crate::world::{ROLES, beside};

/// A statement of a role.
#[derive(Clone, Debug)]
pub struct Seed {
    pub role: &'static str,
    pub sql: String,
    /// It goes without a transaction around it, on a session of its own.
    pub bare: bool,
}

/// All of them. A row is a role, several with commas between or `*`, a tab and a statement; `!` before the roles: bare.
pub fn seeds() -> Vec<Seed> {
    let table = beside("tries.tsv");
    let mut seeds = Vec::new();
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (roles, sql) = line.split_once('\t').unwrap();
        let bare = roles.starts_with('!');
        let roles = roles.trim_start_matches('!');
        for role in ROLES {
            if roles == "*" || roles.split(',').any(|named| named == role) {
                seeds.push(Seed {
                    role,
                    sql: sql.replace("\\n", "\n"),
                    bare,
                });
            }
        }
    }
    seeds
}
