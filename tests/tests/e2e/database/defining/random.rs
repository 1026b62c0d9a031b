//! Random messages that define and use, through the proxy and to the server itself: what the server answers
//! without an error the proxy does too, in the same words; and what fails there fails here. (Which error comes
//! first may differ: the proxy judges a message as one.)
//!
//! The seeds are fixed. `EXEAT_SCRIPTS=2000` runs more of them.

use exeat_tests::wire::Wire;

use super::{RESET, answers, lab, session};

const STATEMENTS: &[&str] = &[
    "CREATE TABLE own.m (id int)",
    "CREATE TABLE IF NOT EXISTS own.m (id int)",
    "CREATE TEMP TABLE own_t AS SELECT 7 AS x",
    "CREATE VIEW own.w AS SELECT id FROM own.kept",
    "DROP TABLE own.m",
    "DROP TABLE IF EXISTS own.m",
    "ALTER TABLE own.m ADD COLUMN v int",
    "INSERT INTO own.m VALUES (1)",
    "INSERT INTO own.kept VALUES (1, 1)",
    "SELECT * FROM own.m",
    "SELECT id FROM own.w",
    "SELECT x FROM own_t",
    "SELECT * FROM own.kept",
    "TRUNCATE own.m",
    "COPY own.m TO STDOUT",
    "SELECT 1 / 0",
    "SELECT own.boom()",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "",
];

/// So many where nothing else is said.
const SCRIPTS: u64 = 30;

/// xorshift64*: <https://www.jstatsoft.org/article/view/v008i14>.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % end
    }

    /// One to three messages of one to five statements.
    fn messages(&mut self) -> Vec<String> {
        let messages = 1 + self.below(3);
        (0..messages)
            .map(|_| {
                let statements = 1 + self.below(5);
                let one = |_| STATEMENTS[self.below(STATEMENTS.len())];
                (0..statements).map(one).collect::<Vec<_>>().join("; ")
            })
            .collect()
    }
}

/// Whether the answers differ, up to the first message that the server refuses.
fn differ(direct: &[Vec<String>], proxied: &[Vec<String>]) -> bool {
    let fails = |answer: &[String]| answer.iter().any(|line| line.starts_with("E "));
    for (direct, proxied) in direct.iter().zip(proxied) {
        if fails(direct) {
            return !fails(proxied);
        }
        if direct != proxied {
            return true;
        }
    }
    false
}

#[test]
fn random_messages_are_answered_as_without_the_proxy() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let scripts = std::env::var("EXEAT_SCRIPTS").map(|number| number.parse().unwrap());
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    let mut wrong = Vec::new();
    for seed in 1..=scripts.unwrap_or(SCRIPTS) {
        let messages = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).messages();
        let mut messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        // A block that stays open would keep its locks from the next.
        messages.push("ROLLBACK");
        let mut both = Vec::new();
        for proxied in [false, true] {
            admin.query(RESET);
            let mut one = match proxied {
                false => Wire::past_the_proxy(&database, "postgres"),
                true => session(&exeat),
            };
            let told = messages.iter().map(|sql| answers(&mut one, &[*sql]));
            both.push(told.collect::<Vec<_>>());
        }
        if differ(&both[0], &both[1]) {
            wrong.push(format!("{seed}: {messages:#?}\n{both:#?}"));
        }
    }
    let shown = wrong.iter().take(4).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differ\n{shown}", wrong.len());
    lab.finish(exeat);
}
