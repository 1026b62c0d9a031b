//! The third wall: what a client may see of what the server says about its statement.
//!
//! Errors and notices are results too: they quote rows and values. Values pass only to a role that may read
//! every column that they can come from. For others, what may quote one is replaced (message, detail) or left
//! out (hint, context, the queries of functions, and names where code may say anything in them); the rest is
//! as the server made it. Servers speak many languages (`lc_messages`): what is told for its words is told in English
//! only, and withheld in others. Pure: the body of a message in, the same or another one out.
//! <https://www.postgresql.org/docs/current/protocol-error-fields.html>

use crate::wire::{Fields, Reader, Violation};

/// What of a message a role may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The role may read all columns of what the statement writes, and of what views lead to.
    pub(crate) rows: bool,
    /// The role may read all columns of what foreign keys write in their turn.
    pub(crate) acted: bool,
    /// The role may read all columns of what a definition or maintenance looks at.
    pub(crate) defined: bool,
    /// Where code of somebody else's runs in the statement: functions, triggers.
    pub(crate) code: Foreign,
}

/// Where code of somebody else's runs, as far as messages tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Foreign {
    /// Nowhere.
    Nowhere,
    /// Only where the planner simplifies what is kept with a table: what has no context is the statement's.
    InPlans,
    /// Anywhere.
    Anywhere,
}

impl Sight {
    /// Nothing is kept back.
    pub(crate) const ALL: Self = Self {
        rows: true,
        acted: true,
        defined: true,
        code: Foreign::Nowhere,
    };

    /// Values and what code says are kept back.
    pub(crate) const NONE: Self = Self {
        rows: false,
        acted: false,
        defined: false,
        code: Foreign::Anywhere,
    };

    /// What code says is kept back, where it runs there.
    pub(crate) fn of_code(code: Foreign) -> Self {
        Self { code, ..Self::ALL }
    }

    /// What both let through.
    pub(crate) fn least(self, other: Self) -> Self {
        Self {
            rows: self.rows && other.rows,
            acted: self.acted && other.acted,
            defined: self.defined && other.defined,
            code: self.code.max(other.code),
        }
    }
}

/// What stands in place of what is kept back.
const WITHHELD: &str =
    "Values are withheld: the role may not read every column that they can come from.";

/// The words of `unique_violation` and its kin before the columns of the key.
const KEY: &str = "Key (";

/// The body of an ErrorResponse or NoticeResponse as the role may see it; `None` where that is all of it.
/// `reads` tells whether it may read these columns of a table, given by schema and name.
pub(crate) fn disclosed(
    body: &[u8],
    sight: Sight,
    reads: impl Fn(&str, &str, &[&str]) -> bool,
) -> Option<Vec<u8>> {
    if sight == Sight::ALL {
        return None;
    }
    let mut fields = Fields::read(body);
    let from_code = match fields.text(b'W') {
        Some(context) if sight.code == Foreign::InPlans && is_of_json(&context) => false,
        Some(context) => !is_of_the_client(&context),
        None => sight.code == Foreign::Anywhere && may_be_of_code(&fields),
    };
    let code = fields.text(b'C').unwrap_or_default().into_owned();
    let rows = sight.rows
        && (sight.acted || !may_be_of_an_action(&code, &fields))
        && (sight.defined || !may_be_of_rows(&code, &fields));
    let open = rows && (sight.code == Foreign::Nowhere || !from_code);
    if open {
        return None;
    }
    // What a function raises is meant for whoever may call it (`raise_exception`, and notices); what a
    // trigger raises about a row only for who may read the row.
    let raised = code == "P0001"
        || fields.bytes(b'R') == Some(RAISE) && !is_about_a_value(&fields)
        || code.starts_with("00")
        || code.starts_with("01");
    let raised = raised && (rows || !from_code);
    // Code may say anything in any field, names among them.
    let says = from_code && fields.has(b'W') && !is_of_the_server(&fields);
    let detail = fields.text(b'D');
    let key = detail.as_deref().and_then(key_columns);
    let key_is_theirs = match (key, fields.text(b's'), fields.text(b't')) {
        (Some(columns), Some(schema), Some(table))
            if !says && !is_of_the_referenced(&code, &fields) =>
        {
            reads(&schema, &table, &columns)
        }
        _ => false,
    };
    if code.starts_with("22") && !raised {
        let message = format!("data exception ({code})");
        fields.set(b'M', &message);
    } else if !raised && from_code && (says || !is_about_no_value(&code)) {
        let message = match is_notice(&fields) {
            true => withheld("a notice", &code),
            false => withheld("an error", &code),
        };
        fields.set(b'M', &message);
    } else if !raised && !rows && !names_a_constraint(&code) && may_be_of_rows(&code, &fields) {
        let message = match is_notice(&fields) {
            true => format!("a notice that may quote values ({code})"),
            false => format!("an error that may quote values ({code})"),
        };
        fields.set(b'M', &message);
    }
    if !key_is_theirs {
        fields.set(b'D', WITHHELD);
        if !fields.has(b'D') && code.starts_with("22") && !raised {
            fields.push(b'D', WITHHELD);
        }
    }
    // Hints, contexts and the queries of functions may quote values too, and nobody needs them.
    fields.leave_out(b"HWqp");
    if says && !raised {
        fields.leave_out(b"stcdn");
    }
    Some(fields.write())
}

/// Whether a message may be about rows that a foreign key writes: PostgreSQL does that by a statement of its own,
/// which the context tells; what keys and constraints find out behind that has none, but tells of a key alone.
fn may_be_of_an_action(code: &str, fields: &Fields<'_>) -> bool {
    match fields.text(b'W') {
        Some(context) => !is_of_the_client(&context) && !is_of_json(&context),
        None => fields.has(b'q') || fields.has(b'D') && !is_of_a_row(code),
    }
}

/// Whether the detail of a message is of the row that is written, and of no key.
fn is_of_a_row(code: &str) -> bool {
    matches!(code, "23502" | "23514" | "44000")
}

/// Whether a message may quote a row where a statement gives none: unless it is about the client's own text, or
/// of what the server has only such words for that quote no value. Keys and failing rows stand in the detail.
fn may_be_of_rows(code: &str, fields: &Fields<'_>) -> bool {
    const SILENT_CLASSES: [&str; 6] = ["08", "21", "25", "40", "53", "57"];
    const SILENT: [&str; 5] = ["2BP01", "428C9", "42P10", "55006", "55P03"];
    let silent = match code {
        // Where names are looked up, some are of another database (`'db.schema.table'::regclass`).
        "0A000" => fields
            .bytes(b'F')
            .is_some_and(|file| file != b"namespace.c"),
        _ => {
            SILENT.contains(&code)
                || is_of_names(code, fields)
                || SILENT_CLASSES.iter().any(|class| code.starts_with(class))
        }
    };
    !silent && !fields.has(b'P')
}

/// Whether a definition or maintenance itself says what is wrong with it, and no function that is given values: by
/// the server's file that reports it.
fn is_of_a_command(fields: &Fields<'_>) -> bool {
    const FILES: [&str; 24] = [
        "aggregatecmds.c",
        "cluster.c",
        "comment.c",
        "copy.c",
        "createas.c",
        "dropcmds.c",
        "extension.c",
        "foreigncmds.c",
        "functioncmds.c",
        "heap.c",
        "index.c",
        "indexcmds.c",
        "matview.c",
        "opclasscmds.c",
        "operatorcmds.c",
        "parse_utilcmd.c",
        "pg_proc.c",
        "policy.c",
        "schemacmds.c",
        "statscmds.c",
        "tablecmds.c",
        "trigger.c",
        "typecmds.c",
        "view.c",
    ];
    fields
        .text(b'F')
        .is_some_and(|file| FILES.contains(&&*file))
}

/// Whether a message names what a row violates; what it quotes of the row stands in its detail.
fn names_a_constraint(code: &str) -> bool {
    code.starts_with("23") || code.starts_with("44")
}

/// Whether the key in a message is one of the referenced table, while its fields name the one that references
/// (`ri_ReportViolation`).
fn is_of_the_referenced(code: &str, fields: &Fields<'_>) -> bool {
    let detail = fields.text(b'D').unwrap_or_default();
    let what = detail.rsplit(") is ").next().unwrap_or_default();
    matches!(code, "23503" | "23001") && !what.starts_with("not present in table ")
}

/// What stands in place of what code says.
pub(crate) fn withheld(what: &str, code: &str) -> String {
    format!("{what} in a function or trigger ({code})")
}

/// Whether nothing has failed: by the severity, for a notice may have any code.
fn is_notice(fields: &Fields<'_>) -> bool {
    let severity = fields.text(b'V').unwrap_or_default();
    matches!(&*severity, "NOTICE" | "WARNING" | "INFO" | "LOG" | "DEBUG")
}

/// Whether a message of class 42 is about the statement's own names. Those that values spell (`regclass` and its kin,
/// the columns of `has_column_privilege`, rights on what `nextval` and `lo_get` are given) are of other codes, or
/// reported by other files.
fn is_of_names(code: &str, fields: &Fields<'_>) -> bool {
    const OF_NAMES: [&str; 12] = [
        "42611", "42701", "42702", "42710", "42723", "42803", "42804", "42846", "42P06", "42P07",
        "42P16", "42P17",
    ];
    match code {
        "42501" => fields.bytes(b'F') == Some(b"aclchk.c"),
        _ => OF_NAMES.contains(&code) || code.starts_with("42") && is_of_a_command(fields),
    }
}

/// Whether a message without a context may be about what code holds or has written: PostgreSQL puts functions
/// of SQL into the statement itself, and checks what a function has written at the end of the transaction.
/// What is wrong with the client's own text has a position in it.
fn may_be_of_code(fields: &Fields<'_>) -> bool {
    let code = fields.text(b'C').unwrap_or_default();
    let of_values = ["22", "23", "42"]
        .iter()
        .any(|class| code.starts_with(class))
        && !is_of_names(&code, fields);
    let message = fields.text(b'M').unwrap_or_default();
    // Other languages have quotes of their own.
    let quotes = message.contains('"') || !message.is_ascii() || fields.has(b'D');
    of_values && quotes && !fields.has(b'P')
}

/// Where PL/pgSQL reports what its RAISE says, whatever code that gives to it.
const RAISE: &[u8] = b"exec_stmt_raise";

/// Whether code was run for the sake of a value of the client's, and not called by the statement: its check.
fn is_about_a_value(fields: &Fields<'_>) -> bool {
    let context = fields.text(b'W').unwrap_or_default();
    let outermost = context.lines().next_back().unwrap_or_default();
    // In whatever language: a call stands in a function of SQL or PL/pgSQL, or in nothing.
    context.lines().any(is_of_the_client) || !outermost.contains("SQL")
}

/// Whether the context of a message says where in a value of JSON it is, and nothing else. Code would add a line
/// of its own.
pub(crate) fn is_of_json(context: &str) -> bool {
    context.starts_with("JSON data, line ") && !context.contains('\n')
}

/// Whether the context of a message is about the client's own data: a line of COPY, or a parameter, and where
/// in the JSON of these. Where code runs, its context stands around these.
fn is_of_the_client(context: &str) -> bool {
    let context = match context.split_once('\n') {
        Some((first, rest)) if is_of_json(first) => rest,
        _ => context,
    };
    // Code that has a context of its own ends with a line of it.
    if context.contains('\n') {
        return false;
    }
    const BEGINNINGS: [&str; 4] = [
        "COPY ",
        "unnamed portal ",
        "portal \"",
        "extended query with parameters",
    ];
    BEGINNINGS.iter().any(|known| context.starts_with(known))
}

/// Violations of constraints, conflicts of transactions, what an operator or a timeout ends: the server's words
/// about these quote no value.
fn is_about_no_value(code: &str) -> bool {
    let classes = ["23", "40", "57"];
    code == "55P03" || classes.iter().any(|class| code.starts_with(class))
}

/// Whether the server itself has found what an error is about, and not a function that says so: by the
/// server's file that reports it.
fn is_of_the_server(fields: &Fields<'_>) -> bool {
    const FILES: [&str; 15] = [
        "nbtinsert.c",
        "execMain.c",
        "execIndexing.c",
        "execExprInterp.c",
        "ri_triggers.c",
        "domains.c",
        "heapam.c",
        "tablecmds.c",
        "deadlock.c",
        "heapam_handler.c",
        "lmgr.c",
        "lock.c",
        "nodeModifyTable.c",
        "postgres.c",
        "proc.c",
    ];
    fields
        .text(b'F')
        .is_some_and(|file| FILES.contains(&&*file))
}

/// The columns of `Key (a, b)=(1, 2) …`; `None` where it says something else, or where expressions are
/// among them.
fn key_columns(detail: &str) -> Option<Vec<&str>> {
    let (names, _) = detail.strip_prefix(KEY)?.split_once(")=(")?;
    let plain = |name: &&str| {
        !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let names: Vec<&str> = names.split(", ").collect();
    names.iter().all(plain).then_some(names)
}

/// Where the columns of a RowDescription come from: table and attribute number, 0 and 0 where from none.
pub(crate) fn origins(body: &[u8]) -> Result<Vec<(u32, i16)>, Violation> {
    columns(body, |origin, _| origin)
}

/// The types of the columns of a RowDescription; of a domain the type below it.
pub(crate) fn types_of(body: &[u8]) -> Result<Vec<u32>, Violation> {
    columns(body, |_, of| of)
}

fn columns<T>(body: &[u8], take: impl Fn((u32, i16), u32) -> T) -> Result<Vec<T>, Violation> {
    let mut reader = Reader::new(body);
    let count = reader.u16().ok_or(Violation::Malformed)?;
    let mut taken = Vec::new();
    for _ in 0..count {
        let (origin, of) = column(&mut reader).ok_or(Violation::Malformed)?;
        taken.push(take(origin, of));
    }
    if reader.is_empty() {
        Ok(taken)
    } else {
        Err(Violation::Malformed)
    }
}

/// Name, table, attribute number and type; then its size, its modifier and the format.
fn column(reader: &mut Reader<'_>) -> Option<((u32, i16), u32)> {
    reader.string()?;
    let table = reader.u32()?;
    let number = reader.u16()?;
    let of = reader.u32()?;
    reader.bytes(2 + 4 + 2)?;
    Some(((table, i16::from_be_bytes(number.to_be_bytes())), of))
}

#[cfg(test)]
mod tests;
