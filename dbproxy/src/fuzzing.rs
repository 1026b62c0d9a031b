//! Doors for the fuzz targets and for tests beside a real server: bytes as a peer could send them, into every
//! reader of the wire, and what the catalog is asked for. Nothing else may use them, and nothing here decides
//! anything.

use crate::catalog;
use crate::wire::{Fields, Violation, backend, frame, frontend, options, startup};

/// Frames of a client, one after another, each read as what its tag says it is. How many were whole.
pub fn frontend(bytes: &[u8]) -> usize {
    frames(bytes, |tag, body| match tag {
        b'Q' => seen(frontend::query(body)),
        b'P' => seen(frontend::parse(body)),
        b'B' => {
            if let Ok(bind) = frontend::bind(body) {
                seen(frontend::values(bind.values));
            }
        }
        b'E' => seen(frontend::execute(body)),
        b'D' | b'C' => seen(frontend::target(body)),
        b'p' => {
            seen(frontend::password(body));
            seen(frontend::sasl_initial(body));
        }
        _ => seen(frontend::empty(body)),
    })
}

/// Frames of a server, the same way.
pub fn backend(bytes: &[u8]) -> usize {
    frames(bytes, |tag, body| match tag {
        b'Z' => seen(backend::ready(body)),
        b'S' => seen(backend::parameter_status(body)),
        b'K' => seen(backend::key_data(body)),
        b'R' => seen(backend::authentication(body)),
        b'C' => seen(backend::rows(body)),
        b'E' | b'N' => {
            seen(Fields::read(body).write().len());
        }
        _ => {}
    })
}

/// The first packet of a client. How many bytes it took; `None` where more are needed or it is refused.
pub fn startup(bytes: &[u8]) -> Option<usize> {
    if let Ok(text) = str::from_utf8(bytes) {
        seen(options::settings(text));
    }
    let (opening, taken) = startup::read(bytes).ok()??;
    if let startup::Opening::Startup(packet) = &opening
        && let Some(text) = &packet.options
    {
        seen(options::settings(text));
    }
    Some(taken)
}

fn frames(bytes: &[u8], mut read: impl FnMut(u8, &[u8])) -> usize {
    let (mut rest, mut count) = (bytes, 0);
    while let Ok(Some(head)) = frame::header(rest) {
        let Some(body) = frame::body(rest, head) else {
            break;
        };
        read(head.tag, body);
        count += 1;
        // A frame is never shorter than its header, so this ends.
        rest = rest.get(head.length..).unwrap_or(&[]);
    }
    count
}

/// What a violation is called; each kind has a name of its own.
pub fn violation(bytes: &[u8]) -> Option<&'static str> {
    frame::header(bytes).err().map(Violation::kind)
}

/// What was read is of no interest here: only that reading it ended.
fn seen<T>(_read: T) {}

/// What a database is asked for its catalog: for everything, and for what is new where all of it is.
#[must_use]
pub fn catalog_questions() -> [String; 2] {
    catalog::questions()
}

/// Rows of the second question, put together to rows of the first.
#[must_use]
pub fn catalog_rows(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    catalog::together(rows)
}
