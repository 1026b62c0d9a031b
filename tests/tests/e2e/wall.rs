//! The second wall on a real PostgreSQL: what `exeat policy grants` applies is what a role can do, what
//! `exeat policy drift` tells is what differs, and `second_wall: require` lets nobody in past it.

use std::path::PathBuf;

use exeat_tests::database::Database;
use exeat_tests::exeat::exeat;
use exeat_tests::run::{Ran, run};
use serde_json::Value;
use tempfile::TempDir;

mod drift;
mod effect;
mod require;

/// Makes the superuser that the commands come as, over loopback.
const ADMIN: &str = "CREATE ROLE admin LOGIN SUPERUSER PASSWORD 'admin-password';";

/// A database, a policy, and the commands on both.
struct Wall {
    database: Database,
    folder: TempDir,
}

impl Wall {
    fn new(schema: &str, policy: &str) -> Self {
        let wall = Self {
            database: Database::start_with(&format!("{ADMIN}\n{schema}"), &[]),
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(wall.policy(), policy).unwrap();
        wall
    }

    /// Whether this major version has what the statement says: MERGE and privileges on parameters came with 15.
    fn knows(&self, sql: &str) -> bool {
        let newer = sql.starts_with("MERGE ") || sql.contains(" ON PARAMETER ");
        !newer || self.major() >= 15
    }

    /// The server's major version: the one that `make test-postgres-versions` asked for, where it did.
    fn major(&self) -> u16 {
        let version = self.database.admin("SHOW server_version_num").stdout;
        let major = version.trim().parse::<u32>().unwrap() / 10_000;
        if let Ok(asked) = std::env::var("EXEAT_POSTGRES_MAJOR") {
            assert_eq!(asked, major.to_string());
        }
        u16::try_from(major).unwrap()
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.yaml")
    }

    fn command(&self, arguments: &[&str]) -> Ran {
        command(&self.database, &self.policy(), arguments)
    }

    #[track_caller]
    fn apply(&self) {
        self.command(&["grants", "--apply", "--yes"]).exits(0);
    }

    /// The differences that drift tells: direction, kind, role, what. Its exit status fits.
    #[track_caller]
    fn drift(&self) -> Vec<[String; 4]> {
        let ran = self.command(&["drift", "--json"]);
        let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        let equal = told["beyond"] == 0 && told["short"] == 0;
        assert_eq!(told["equal"], equal, "{told}");
        ran.exits(i32::from(!equal));
        let differences = told["differences"].as_array().unwrap().iter();
        let field = |difference: &Value, name: &str| difference[name].as_str().unwrap().to_owned();
        differences
            .map(|it| ["direction", "kind", "role", "what"].map(|name| field(it, name)))
            .collect()
    }

    /// The SQLSTATE of each statement as a database role, each undone.
    fn as_role(&self, role: &str, statements: &[String]) -> Vec<String> {
        let mut script = format!(
            "\\set ON_ERROR_STOP 0\nSET SESSION AUTHORIZATION \"{}\";\nSET client_min_messages = error;\n",
            role.replace('"', "\"\"")
        );
        for statement in statements {
            script.push_str(&format!(
                "BEGIN;\n{statement}\n\\g /dev/null\n\\echo =:SQLSTATE\nROLLBACK;\n"
            ));
        }
        let ran = self.database.admin(&script);
        let states = ran.stdout.lines().filter_map(|line| line.strip_prefix('='));
        let states: Vec<String> = states.map(str::to_owned).collect();
        assert_eq!(states.len(), statements.len(), "{ran:#?}");
        states
    }
}

/// Runs `exeat policy …` on a database as its superuser.
fn command(database: &Database, policy: &std::path::Path, arguments: &[&str]) -> Ran {
    let url = format!(
        "postgresql://admin:admin-password@127.0.0.1:{}/postgres",
        database.port()
    );
    let mut command = exeat(["policy"]);
    command
        .args(arguments)
        .args(["--database", "shop", "--database-url", &url, "--policy"])
        .arg(policy);
    run(&command)
}
