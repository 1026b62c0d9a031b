//! A script: messages of a client, made of a seed.

use std::fmt::Write as _;

use exeat_tests::wire::{cstr, execute, frame, parse, query, sync};

/// One message, or a few that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Parse(&'static str, String),
    /// Portal, statement, values as text.
    Bind(&'static str, &'static str, Vec<&'static str>),
    /// `S` or `P`, and the name.
    Describe(char, &'static str),
    Close(char, &'static str),
    /// Portal and row limit.
    Execute(&'static str, u8),
    Query(String),
    /// COPY in a Query, with its data, and whether the client gives up.
    CopyQuery(&'static str, bool),
    /// COPY in a pipeline, up to its Sync.
    CopyBatch(&'static str, bool),
    Flush,
    Sync,
    /// Everything is read before more is sent.
    Barrier,
}

const STATEMENTS: [&str; 3] = ["", "a", "b"];
const PORTALS: [&str; 3] = ["", "p", "q"];
const ROWS: [&str; 3] = ["8\t8\n9\t9\n", "1\t1\n", "x\n"];

/// Texts; `#` stands for a number that no other text has.
const TEXTS: &[&str] = &[
    "SELECT #",
    "SELECT #",
    "SELECT id, #, v FROM t ORDER BY id",
    "SELECT id, v, # FROM t ORDER BY id",
    "SELECT # + $1::int",
    "INSERT INTO t VALUES (4, #)",
    "INSERT INTO t VALUES ($1, #)",
    "INSERT INTO t VALUES (1, #)",
    "UPDATE t SET v = # WHERE id < 3",
    "DELETE FROM t WHERE id = 2 AND v < #",
    "SELECT # / 0",
    "SELECT # / (v - 20) FROM t ORDER BY id",
    "SELECT id + 'x' FROM t",
    "SELEC 1",
    "",
    " ; ",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
];

/// Texts that use names: to the proxy they mean what they meant when they were parsed, so they are used at
/// once.
const NAMING: &[&str] = &[
    "PREPARE a AS SELECT #",
    "PREPARE b AS INSERT INTO t VALUES (5, #)",
    "DECLARE p CURSOR FOR SELECT id, # FROM t ORDER BY id",
    "DECLARE \"q\" SCROLL CURSOR WITH HOLD FOR SELECT v, # FROM t ORDER BY id",
    "EXECUTE a",
    "EXECUTE b",
    "DEALLOCATE a",
    "DEALLOCATE PREPARE b",
    "FETCH 1 FROM p",
    "FETCH ALL FROM \"q\"",
    "MOVE 1 IN p",
    "CLOSE p",
    "CLOSE \"q\"",
];

/// Texts that only a Query has.
const MESSAGES: &[&str] = &[
    "INSERT INTO t VALUES (6, #); SELECT 1 / 0; SELECT 2",
    "BEGIN; DECLARE p CURSOR FOR SELECT id FROM t ORDER BY id; FETCH 1 FROM p",
    "SELECT #; SELECT 2; SELECT 3",
    "COMMIT; BEGIN",
    "ROLLBACK; BEGIN",
    "PREPARE a AS SELECT 5; EXECUTE a; DEALLOCATE a",
    "DEALLOCATE ALL",
    "CLOSE ALL",
    "DISCARD ALL",
    "BEGIN",
    "BEGIN",
    "ROLLBACK",
];

/// Numbers from a seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// The script of a seed. Its numbers begin with the seed.
pub(super) fn script(seed: u64) -> Vec<Step> {
    let mut random = Random::new(seed);
    let mut next = 0;
    let mut steps = Vec::new();
    for _ in 0..3 + random.below(8) {
        match random.below(20) {
            0..7 => batch(&mut random, &mut steps, seed, &mut next),
            7..11 => sensible(&mut random, &mut steps, seed, &mut next),
            11..17 => {
                let all = random.of(&[TEXTS, TEXTS, NAMING, NAMING, MESSAGES]);
                let sql = numbered(random.of(all), seed, &mut next);
                steps.push(Step::Query(sql));
            }
            17 => steps.push(Step::CopyQuery(random.of(&ROWS), random.below(4) == 0)),
            18 => steps.push(Step::CopyBatch(random.of(&ROWS), random.below(4) == 0)),
            _ => steps.push(Step::Barrier),
        }
    }
    steps
}

fn numbered(text: &str, seed: u64, next: &mut u64) -> String {
    *next += 1;
    text.replace(
        '#',
        &format!("{}", 1_000_000 + seed * 100 % 1_000_000_000 + *next),
    )
}

fn batch(random: &mut Random, steps: &mut Vec<Step>, seed: u64, next: &mut u64) {
    // A Query leaves an unnamed portal behind where it fails; nobody uses that, and the proxy has none.
    let mut bound = false;
    for _ in 0..1 + random.below(8) {
        let step = match random.below(22) {
            0..6 => Step::Parse(
                random.of(&STATEMENTS),
                numbered(random.of(TEXTS), seed, next),
            ),
            6..11 => bind(random),
            11..16 => Step::Execute(random.of(&PORTALS), random.of(&[0, 0, 1])),
            16 => Step::Describe('S', random.of(&STATEMENTS)),
            17 => Step::Describe('P', random.of(&PORTALS)),
            18 => Step::Close('S', random.of(&STATEMENTS)),
            19 => Step::Close('P', random.of(&PORTALS)),
            20 => Step::Query(numbered(random.of(TEXTS), seed, next)),
            _ => Step::Flush,
        };
        steps.push(match step {
            Step::Execute("", rows) if !bound => Step::Execute("p", rows),
            Step::Describe('P', "") if !bound => Step::Describe('P', "q"),
            other => other,
        });
        bound = match steps.last() {
            Some(Step::Bind("", ..)) => true,
            Some(Step::Query(_)) => false,
            _ => bound,
        };
    }
    if random.below(10) > 0 {
        steps.push(Step::Sync);
    }
}

fn bind(random: &mut Random) -> Step {
    let portal = random.of(&PORTALS);
    let values: &[&str] = match portal {
        "" => random.of(&[&[][..], &[][..], &["7"][..], &["x"][..]]),
        // What is wrong about the values and about a taken name is found in another order.
        _ => &[],
    };
    Step::Bind(portal, random.of(&STATEMENTS), values.to_vec())
}

/// What a driver would send.
fn sensible(random: &mut Random, steps: &mut Vec<Step>, seed: u64, next: &mut u64) {
    for _ in 0..1 + random.below(3) {
        let all = random.of(&[TEXTS, TEXTS, NAMING]);
        let (statement, portal) = match all == NAMING {
            true => ("", ""),
            false => (random.of(&STATEMENTS), random.of(&PORTALS)),
        };
        if !statement.is_empty() {
            steps.push(Step::Close('S', statement));
        }
        let text = numbered(random.of(all), seed, next);
        let values = if text.contains("$1") {
            vec!["7"]
        } else {
            vec![]
        };
        steps.push(Step::Parse(statement, text));
        steps.push(Step::Bind(portal, statement, values));
        steps.push(Step::Describe('P', portal));
        steps.push(Step::Execute(portal, random.of(&[0, 0, 0, 1])));
        if random.below(6) == 0 {
            steps.push(Step::Flush);
        }
    }
    steps.push(Step::Sync);
}

/// The bytes of a step.
pub(super) fn bytes(step: &Step) -> Vec<u8> {
    let named =
        |kind: char, tag: char, name: &str| frame(tag, &[&[kind as u8][..], &cstr(name)].concat());
    match step {
        Step::Parse(name, sql) => parse(name, sql),
        Step::Bind(portal, statement, values) => bind_message(portal, statement, values),
        Step::Describe(kind, name) => named(*kind, 'D', name),
        Step::Close(kind, name) => named(*kind, 'C', name),
        Step::Execute(portal, rows) => frame('E', &[&cstr(portal)[..], &[0, 0, 0, *rows]].concat()),
        Step::Query(sql) => query(sql),
        Step::CopyQuery(data, gives_up) => {
            [query("COPY t FROM STDIN"), copied(data, *gives_up)].concat()
        }
        Step::CopyBatch(data, gives_up) => [
            parse("", "COPY t FROM STDIN"),
            bind_message("", "", &[]),
            execute(""),
            copied(data, *gives_up),
            sync(),
            // Nobody asks for its data again.
            named('S', 'C', ""),
            sync(),
        ]
        .concat(),
        Step::Flush => frame('H', &[]),
        Step::Sync => sync(),
        Step::Barrier => Vec::new(),
    }
}

fn copied(data: &str, gives_up: bool) -> Vec<u8> {
    let end = if gives_up {
        frame('f', &cstr("no"))
    } else {
        frame('c', &[])
    };
    [frame('d', data.as_bytes()), end].concat()
}

fn bind_message(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = [cstr(portal), cstr(statement), vec![0, 0]].concat();
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
    }
    body.extend([0, 0]);
    frame('B', &body)
}

/// A script to read, and to put into a test of its own.
pub(super) fn shown(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut all, step| {
        writeln!(all, "    {step:?}").unwrap();
        all
    })
}
