//! How a statement goes over the wire, and what comes back: the simple and the extended protocol, text and binary
//! results, parameters, portals in pieces, cursors, PREPARE, COPY, EXPLAIN, DO, views, messages of several statements.

use exeat_tests::wire::{Message, Wire, cstr, execute, frame, parse, query, sync};

use crate::random::Random;

/// The way that a statement is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Simple,
    /// Without a transaction around it.
    Bare,
    Extended,
    Binary,
    /// String constants are sent as parameters.
    Parameters,
    /// One row at a time, through a named statement and portal.
    Pieces,
    Cursor,
    Prepare,
    CopyOut,
    Explain,
    ExplainAnalyze,
    Do,
    Several,
    TemporaryView,
    StagingTable,
    /// The second time, when the verdict is remembered.
    Twice,
}

const MIXED: [Carrier; 24] = [
    Carrier::Simple,
    Carrier::Simple,
    Carrier::Simple,
    Carrier::Simple,
    Carrier::Extended,
    Carrier::Extended,
    Carrier::Extended,
    Carrier::Extended,
    Carrier::Binary,
    Carrier::Binary,
    Carrier::Binary,
    Carrier::Parameters,
    Carrier::Parameters,
    Carrier::Parameters,
    Carrier::Pieces,
    Carrier::Pieces,
    Carrier::Cursor,
    Carrier::Prepare,
    Carrier::CopyOut,
    Carrier::Explain,
    Carrier::ExplainAnalyze,
    Carrier::Several,
    Carrier::Twice,
    Carrier::Do,
];

impl Carrier {
    pub fn any(random: &mut Random, role: &str) -> Self {
        if role == "definer" && random.percent(20) {
            return [Self::TemporaryView, Self::StagingTable][random.below(2)];
        }
        MIXED[random.below(MIXED.len())]
    }
}

/// What is sent: each piece is answered by one ReadyForQuery.
fn exchanges(sql: &str, carrier: Carrier) -> Vec<Vec<u8>> {
    let queries = |all: &[String]| all.iter().map(|sql| query(sql)).collect::<Vec<_>>();
    let extended = |format: &[u8]| {
        let bind = frame('B', &[&b"\0\0\0\0\0\0"[..], format].concat());
        let describe = frame('D', b"P\0");
        [parse("", sql), bind, describe, execute(""), sync()].concat()
    };
    match carrier {
        Carrier::Simple | Carrier::Bare => vec![query(sql)],
        Carrier::Twice => vec![query(sql), query(sql)],
        Carrier::Extended => vec![extended(b"\0\0")],
        Carrier::Binary => vec![extended(b"\0\x01\0\x01")],
        Carrier::Parameters => vec![with_parameters(sql)],
        Carrier::Pieces => {
            let bind = frame('B', &[cstr("piece"), cstr("named"), vec![0; 6]].concat());
            let one = frame('E', &[&cstr("piece")[..], &[0, 0, 0, 1]].concat());
            let describe = frame('D', &[&b"S"[..], &cstr("named")].concat());
            let close = frame('C', &[&b"S"[..], &cstr("named")].concat());
            vec![
                [parse("named", sql), describe, sync()].concat(),
                [bind, one.clone(), one, execute("piece"), sync()].concat(),
                [close, sync()].concat(),
            ]
        }
        Carrier::Cursor => queries(&[
            format!("DECLARE c CURSOR FOR {sql}"),
            "FETCH ALL FROM c".into(),
            "CLOSE c".into(),
        ]),
        Carrier::Prepare => queries(&[
            format!("PREPARE p AS {sql}"),
            "EXECUTE p".into(),
            "DEALLOCATE p".into(),
        ]),
        Carrier::CopyOut => vec![query(&format!("COPY ({sql}) TO STDOUT"))],
        Carrier::Explain => vec![query(&format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"))],
        Carrier::ExplainAnalyze => vec![query(&format!(
            "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}"
        ))],
        Carrier::Do => vec![query(&format!(
            "DO $body$ BEGIN EXECUTE $sql${sql}$sql$; END $body$"
        ))],
        Carrier::Several => vec![query(&format!("SELECT 1; {sql}; SELECT 2"))],
        Carrier::TemporaryView => queries(&[
            format!("CREATE TEMP VIEW carried AS {sql}"),
            "SELECT * FROM carried".into(),
        ]),
        Carrier::StagingTable => queries(&[
            format!("CREATE TABLE staging.carried AS {sql}"),
            "SELECT * FROM staging.carried".into(),
        ]),
    }
}

/// Parse, Bind and Execute with the plain string constants of a text as parameters.
fn with_parameters(sql: &str) -> Vec<u8> {
    let mut text = String::new();
    let mut values: Vec<&str> = Vec::new();
    for (at, part) in sql.split('\'').enumerate() {
        if at % 2 == 0 {
            text.push_str(part);
        } else {
            values.push(part);
            text.push_str(&format!("${}", values.len()));
        }
    }
    if sql.split('\'').count().is_multiple_of(2) || sql.contains("''") || values.len() > 100 {
        // An odd quote or a doubled one: sent as it is.
        text = sql.to_owned();
        values.clear();
    }
    let mut bind = vec![0, 0, 0, 0];
    bind.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        bind.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        bind.extend(value.as_bytes());
    }
    bind.extend([0, 0]);
    let describe = frame('D', b"P\0");
    [
        parse("", &text),
        frame('B', &bind),
        describe,
        execute(""),
        sync(),
    ]
    .concat()
}

/// Everything that is sent for a statement: within a transaction that is rolled back, unless it goes bare.
pub struct Sent {
    bytes: Vec<u8>,
    answers: usize,
}

impl Sent {
    pub fn new(sql: &str, carrier: Carrier) -> Self {
        let mut all = exchanges(&sql.replace('\0', " "), carrier);
        if Self::needs_transaction(sql, carrier) {
            all.insert(0, query("BEGIN"));
            all.push(query("ROLLBACK"));
        }
        Self {
            answers: all.len(),
            bytes: all.concat(),
        }
    }

    /// A plain query changes nothing that would have to be undone, and three messages are slower than one.
    fn needs_transaction(sql: &str, carrier: Carrier) -> bool {
        let query = sql
            .get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case("select "));
        let plain = matches!(
            carrier,
            Carrier::Simple
                | Carrier::Twice
                | Carrier::Extended
                | Carrier::Binary
                | Carrier::Parameters
                | Carrier::CopyOut
        );
        carrier != Carrier::Bare && !(query && plain && !sql.contains(';'))
    }

    pub fn send(&self, wire: &mut Wire) {
        wire.send(&self.bytes);
    }

    /// What comes back; `None` where the session ended or does not answer.
    pub fn receive(&self, wire: &mut Wire) -> (Vec<Message>, bool) {
        let mut messages = Vec::new();
        let mut ready = 0;
        while ready < self.answers {
            let Some(message) = wire.message() else {
                return (messages, false);
            };
            match message.kind {
                'Z' => ready += 1,
                // Data is asked for: there is none. A Sync that came during the copy was read over.
                'G' => {
                    wire.send([frame('f', &cstr("none")), sync()].concat());
                }
                _ => {}
            }
            messages.push(message);
        }
        (messages, true)
    }
}
