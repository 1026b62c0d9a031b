//! The hunt: statements by number, each run in two worlds through the proxy, judged by the oracles, traces looked at
//! in bulk and bisected on a hit; what was found is made small.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use exeat_tests::wire::{Message, Wire};

use crate::carry::{Carrier, Sent};
use crate::grammar::Grammar;
use crate::mutate::{mutate, tokens};
use crate::oracle::{Finding, canaries, denied, differ, differ_at_all, failed};
use crate::random::Random;
use crate::seeds::Seed;
use crate::world::{ROLES, Traces, Watch, Worlds, moved, world};

/// Traces are looked at after so many statements.
const BATCH: usize = 50;
/// So many reruns may be spent on making one finding small.
const SHRINKS: usize = 120;
/// So many findings of a worker are made small; the others are told as they are.
const SHRUNK: usize = 25;

/// One statement of one role by one way.
#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    pub role: &'static str,
    pub sql: String,
    pub carrier: Carrier,
}

/// The statement with a number.
pub fn case(seed: u64, number: u64, seeds: &[Seed]) -> Case {
    let mut random = Random::of(seed, number);
    let role = ROLES[random.below(ROLES.len())];
    let own: Vec<&Seed> = seeds
        .iter()
        .filter(|seed| seed.role == role && !seed.bare)
        .collect();
    let of_seed = |random: &mut Random| own[random.below(own.len())].sql.clone();
    let sql = match random.below(100) {
        0..=67 => Grammar::new(&mut random, role).statement(),
        68..=83 => {
            let sql = Grammar::new(&mut random, role).statement();
            let other = of_seed(&mut random);
            mutate(&sql, &other, role, &mut random)
        }
        84..=96 => {
            let sql = of_seed(&mut random);
            let other = Grammar::new(&mut random, role).statement();
            mutate(&sql, &other, role, &mut random)
        }
        _ => {
            let (sql, other) = (of_seed(&mut random), of_seed(&mut random));
            mutate(&sql, &other, role, &mut random)
        }
    };
    let carrier = Carrier::any(&mut random, role);
    Case {
        number,
        role,
        sql,
        carrier,
    }
}

/// What a hunt gave.
#[derive(Default)]
pub struct Outcome {
    pub statements: usize,
    pub allowed: usize,
    /// Allowed, and PostgreSQL ran it without an error.
    pub ran: usize,
    pub found: BTreeMap<(String, Finding), Case>,
}

impl Outcome {
    pub fn add(&mut self, other: Self) {
        self.statements += other.statements;
        self.allowed += other.allowed;
        self.ran += other.ran;
        for (key, case) in other.found {
            self.keep(key, case);
        }
    }

    fn keep(&mut self, key: (String, Finding), case: Case) {
        let known = self.found.get(&key);
        if known.is_none_or(|known| known.sql.len() > case.sql.len()) {
            self.found.insert(key, case);
        }
    }

    /// The findings, one per line, with what is needed to see each again.
    pub fn report(&self) -> String {
        let lines: Vec<String> = self
            .found
            .iter()
            .map(|((role, finding), case)| {
                format!(
                    "#{} {role} {finding:?} by {:?}: {}",
                    case.number, case.carrier, case.sql
                )
            })
            .collect();
        lines.join("\n")
    }
}

/// A worker: its pair of worlds and the sessions of each role in them.
pub struct Worker<'a> {
    worlds: &'a Worlds,
    names: [String; 2],
    sessions: BTreeMap<&'static str, [Wire; 2]>,
    watch: Watch,
    traces: Traces,
    /// Findings of one kind are one, made small; else each statement is told as it is.
    pub shrinks: bool,
    pub outcome: Outcome,
}

impl<'a> Worker<'a> {
    pub fn new(worlds: &'a Worlds, number: usize) -> Self {
        let names = [world(number, 'a'), world(number, 'b')];
        let mut watch = Watch::new(worlds, &names[0]);
        let traces = watch.look();
        Self {
            worlds,
            names,
            sessions: BTreeMap::new(),
            watch,
            traces,
            shrinks: true,
            outcome: Outcome::default(),
        }
    }

    /// Runs these cases.
    pub fn run(&mut self, cases: impl Iterator<Item = Case>) {
        let mut batch: Vec<Case> = Vec::new();
        for case in cases {
            self.outcome.statements += 1;
            let (finding, answer) = self.ask(&case);
            if !denied(&answer) {
                self.outcome.allowed += 1;
                self.outcome.ran += usize::from(!failed(&answer));
                batch.push(case.clone());
            }
            if let Some(finding) = finding {
                self.found(case, finding);
            }
            if batch.len() >= BATCH {
                self.look(&mut batch);
            }
        }
        self.look(&mut batch);
    }

    /// The traces since the last look; on a hit, which statement left them.
    fn look(&mut self, batch: &mut Vec<Case>) {
        let traces = self.watch.look();
        let hit = moved(&self.traces, &traces);
        self.traces = traces;
        let cases = std::mem::take(batch);
        if hit.is_empty() {
            return;
        }
        let mut told = false;
        for case in cases {
            if let Some(finding) = self.trace_of(&case) {
                self.found(case, finding);
                told = true;
            }
        }
        if !told {
            let case = Case {
                number: 0,
                role: "columns",
                sql: "(a batch whose statements leave no trace alone)".into(),
                carrier: Carrier::Bare,
            };
            self.outcome
                .keep(("?".into(), Finding::Trace(hit.join(", "))), case);
        }
    }

    /// The trace that a statement leaves alone.
    fn trace_of(&mut self, case: &Case) -> Option<Finding> {
        self.ask(case);
        let traces = self.watch.look();
        let hit = moved(&self.traces, &traces);
        self.traces = traces;
        (!hit.is_empty()).then(|| Finding::Trace(hit.join(", ")))
    }

    /// Keeps a finding, made small.
    fn found(&mut self, case: Case, finding: Finding) {
        // What a statement leaves in a session is not to be the next one's.
        self.sessions.clear();
        if !self.shrinks {
            let key = (format!("{} {}", case.role, case.number), finding);
            self.outcome.keep(key, case);
            return;
        }
        let key = (case.role.to_owned(), finding.clone());
        if self.outcome.found.len() >= SHRUNK || self.outcome.found.contains_key(&key) {
            self.outcome.keep(key, case);
            return;
        }
        let small = self.shrink(case, &finding);
        self.outcome.keep(key, small);
    }

    fn shows(&mut self, case: &Case, finding: &Finding) -> bool {
        match finding {
            Finding::Trace(_) => self.trace_of(case).is_some(),
            Finding::Silence => false,
            Finding::Canary(_) => matches!(self.ask(case).0, Some(Finding::Canary(_))),
            Finding::Difference => self.ask(case).0.is_some(),
        }
    }

    /// The shortest text that still shows it: fewer tokens, by halves, then one by one.
    fn shrink(&mut self, mut case: Case, finding: &Finding) -> Case {
        let mut left = SHRINKS;
        let simple = Case {
            carrier: Carrier::Simple,
            ..case.clone()
        };
        if self.shows(&simple, finding) {
            case = simple;
        }
        let mut size = tokens(&case.sql).len() / 2;
        while size > 0 && left > 0 {
            let mut at = 0;
            let mut cut = false;
            while left > 0 {
                let mut all = tokens(&case.sql);
                if at + size > all.len() {
                    break;
                }
                all.drain(at..at + size);
                let shorter = Case {
                    sql: all.concat(),
                    ..case.clone()
                };
                left -= 1;
                if self.shows(&shorter, finding) {
                    case = shorter;
                    cut = true;
                } else {
                    at += size;
                }
            }
            if !cut {
                size /= 2;
            }
        }
        case
    }

    /// Runs a case in both worlds: a finding, and the answer of the first.
    pub fn ask(&mut self, case: &Case) -> (Option<Finding>, Vec<Message>) {
        let started = Instant::now();
        let sent = Sent::new(&case.sql, case.carrier);
        let [one, other] = self
            .sessions
            .entry(case.role)
            .or_insert_with(|| [0, 1].map(|at| self.worlds.session(case.role, &self.names[at])));
        sent.send(one);
        sent.send(other);
        let (one_says, one_whole) = sent.receive(one);
        let (other_says, other_whole) = sent.receive(other);
        if !one_whole || !other_whole {
            self.sessions.remove(case.role);
            let hung = started.elapsed() > Duration::from_secs(15);
            let fatal = one_says.iter().any(|message| message.kind == 'E');
            if hung || !fatal {
                eprintln!(
                    "{}: silent after {:?}: {one_says:?} | {other_says:?}",
                    case.sql,
                    started.elapsed()
                );
                return (Some(Finding::Silence), one_says);
            }
        }
        if let Some(tags) = canaries(&one_says).or_else(|| canaries(&other_says)) {
            return (Some(Finding::Canary(tags)), one_says);
        }
        if one_whole
            && other_whole
            && differ(&case.sql, &one_says, &other_says)
            && self.differs_again(case)
        {
            self.tidy();
            if self.differs_again(case) {
                return (Some(Finding::Difference), one_says);
            }
        }
        (None, one_says)
    }

    /// Takes dead rows away: after tens of thousands of statements they lie elsewhere in one of the two worlds, and
    /// plans and the order of rows go by that.
    fn tidy(&mut self) {
        self.sessions.clear();
        for name in &self.names {
            let mut direct = self.worlds.direct(name);
            direct.query("SET lock_timeout = '5s'");
            direct.query("VACUUM (FULL)");
        }
    }

    /// Whether the two worlds differ once more, while each says the same as itself.
    fn differs_again(&mut self, case: &Case) -> bool {
        let sent = Sent::new(&case.sql, case.carrier);
        self.sessions.remove(case.role);
        let mut says = Vec::new();
        for name in &self.names {
            let mut wire = self.worlds.session(case.role, name);
            for _ in 0..2 {
                sent.send(&mut wire);
                says.push(sent.receive(&mut wire).0);
            }
        }
        !differ_at_all(&says[0], &says[1])
            && !differ_at_all(&says[2], &says[3])
            && differ_at_all(&says[0], &says[2])
    }
}
