//! Random scripts of messages, sent through the proxy and to the server itself: the answers are the
//! same, within a deadline, and what the server ran is what is on record.
//!
//! The seeds are fixed. `EXEAT_SCRIPTS=20000` runs more of them; a script that fails is made smaller and
//! shown.

use std::collections::BTreeMap;
use std::time::Duration;

use exeat_tests::audit::{Records, text};
use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::wire::{Message, Wire, query, sync};

mod script;

use script::{Step, bytes, script, shown};

const SCHEMA: &str = "\
CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE ROLE app LOGIN PASSWORD 'app-password';
GRANT ALL ON t TO app;
";

const RESET: &str = "TRUNCATE t; INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.t
          - insert: public.t
          - update: public.t
          - delete: public.t
";

/// A session that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many scripts that fail are shown.
const SHOWN: usize = 5;

/// So many empty messages are a barrier.
const EMPTY: usize = 4;

/// So many scripts where nothing else is said.
const SCRIPTS: u64 = 300;

struct World {
    database: Database,
    exeat: Process,
    /// Past the proxy, to set the table back.
    admin: Wire,
}

impl World {
    /// What a client gets that sends this, through the proxy or not.
    fn answers(&mut self, steps: &[Step], proxied: bool) -> Vec<String> {
        let reset = self.admin.query(RESET);
        assert!(reset.iter().all(|message| message.kind != 'E'), "{reset:?}");
        let mut session = if proxied {
            let mut session = Wire::connect_within(self.exeat.addresses.dbproxy[1], PATIENCE);
            session.start(&[("user", "app"), ("database", "shop")], "");
            session
        } else {
            Wire::past_the_proxy(&self.database, "postgres")
        };
        let mut answers = Vec::new();
        let mut waiting = Vec::new();
        for step in steps.iter().chain([&Step::Barrier]) {
            waiting.extend(bytes(step));
            if *step != Step::Barrier {
                continue;
            }
            // Answered in every state, and by nothing else so often in a row.
            waiting.extend([sync(), query("").repeat(EMPTY)].concat());
            session.send(std::mem::take(&mut waiting));
            if !read(&mut session, &mut answers) {
                answers.push("no answer".to_owned());
                break;
            }
        }
        answers
    }

    fn differ(&mut self, steps: &[Step]) -> Option<(Vec<String>, Vec<String>)> {
        let direct = self.answers(steps, false);
        let proxied = self.answers(steps, true);
        (direct != proxied).then_some((direct, proxied))
    }

    /// A smaller script that still fails, found by leaving steps out: halves, quarters, single ones.
    fn smallest(&mut self, mut steps: Vec<Step>) -> Vec<Step> {
        let mut size = steps.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < steps.len() {
                let mut fewer = steps.clone();
                fewer.drain(at..(at + size).min(steps.len()));
                if self.differ(&fewer).is_some() {
                    steps = fewer;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        steps
    }
}

/// Reads up to the barrier; false where it does not come.
fn read(session: &mut Wire, answers: &mut Vec<String>) -> bool {
    let mut empty = 0;
    while let Some(message) = session.message() {
        empty = match message.kind {
            'I' => empty + 1,
            'Z' => empty,
            _ => 0,
        };
        answers.extend(told(&message));
        if empty == EMPTY && message.kind == 'Z' {
            return true;
        }
    }
    false
}

/// What of a message has to be the same.
fn told(message: &Message) -> Option<String> {
    let field = |kind| message.field(kind).unwrap_or_default();
    match message.kind {
        'S' => None,
        // What the proxy reads itself it refuses in its own words.
        'E' if field('C') == "42601" => Some("E 42601".to_owned()),
        // Who names a taken portal and gives the wrong number of values hears of the one or the other.
        'E' if field('C') == "42P03" || field('M').starts_with("bind message supplies") => {
            Some("E 42P03".to_owned())
        }
        'E' => Some(format!("E {} {}", field('C'), field('M'))),
        'N' => Some(format!("N {}", field('C'))),
        kind => Some(format!("{kind} {}", message.body.escape_ascii())),
    }
}

/// How often each number was executed, from the server's log.
fn ran(log: &str) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let of_app = line.contains("|app|") && line.contains("LOG:  ");
        if of_app && (line.contains("LOG:  execute ") || line.contains("LOG:  statement: ")) {
            let text = line.split_once("LOG:  ").unwrap().1;
            count(text, &mut counts);
        }
    }
    counts
}

fn count(text: &str, counts: &mut BTreeMap<u64, usize>) {
    for word in text.split(|letter: char| !letter.is_ascii_digit()) {
        if let Some(number) = word.parse().ok().filter(|number| *number >= 1_000_000) {
            *counts.entry(number).or_default() += 1;
        }
    }
}

/// How often each number was executed, from the record. A portal that the server did not have any more
/// did not run, and what was skipped after an error did not either.
fn recorded(records: &Records) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for record in &records.0 {
        let Some(sql) = text(record, "/event/decision/statement/sql") else {
            continue;
        };
        let error = text(record, "/completion/error");
        let state = text(record, "/completion/sqlstate");
        if error != Some("skipped_after_error") && state != Some("34000") {
            count(sql, &mut counts);
        }
    }
    counts
}

#[test]
fn a_session_through_the_proxy_is_answered_as_one_without_it() {
    let database = Database::start(SCHEMA);
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
    });
    let admin = Wire::past_the_proxy(&database, "postgres");
    let exeat = lab.start();
    let mut world = World {
        database,
        exeat,
        admin,
    };
    let scripts = std::env::var("EXEAT_SCRIPTS").map_or(SCRIPTS, |count| count.parse().unwrap());
    let mut failures = Vec::new();
    for seed in 1..=scripts {
        let steps = script(seed);
        if world.differ(&steps).is_some() {
            let steps = world.smallest(steps);
            let (direct, proxied) = world.differ(&steps).unwrap_or_default();
            let same = direct
                .iter()
                .zip(&proxied)
                .take_while(|(left, right)| left == right);
            let same = same.count();
            failures.push(format!(
                "script {seed}:\n{}    direct:  {same} answers, then {:?}\n    proxied: {same} answers, then {:?}\n",
                shown(&steps),
                direct.get(same),
                proxied.get(same)
            ));
        }
        if failures.len() == SHOWN {
            break;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let log = world.database.log();
    let records = lab.finish(world.exeat);
    let (ran, recorded) = (ran(&log), recorded(&records));
    let wrong: Vec<_> = ran
        .keys()
        .chain(recorded.keys())
        .filter(|number| ran.get(number) != recorded.get(number))
        .map(|number| (number, ran.get(number), recorded.get(number)))
        .collect();
    assert!(wrong.is_empty(), "ran and recorded differ: {wrong:?}");
}
