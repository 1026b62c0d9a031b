//! Bound parameters for the record: as they are, as commitments, or not at all.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use exeat_audit::Parameter;
use exeat_service::config::Parameters;

use crate::record::Recorder;
use crate::wire::{Violation, frontend};

/// A longer value is recorded as a commitment, so that a record stays a record.
const LONGEST: usize = 8192;

/// What is recorded of bound values; `None` stands for a message too large to be kept whole. The form
/// of the message is checked in any case.
pub(crate) fn recorded(
    how: Parameters,
    values: Option<&[u8]>,
) -> Result<Arc<[Parameter]>, Violation> {
    let Some(values) = values else {
        return Ok(Arc::new([]));
    };
    let values = frontend::values(values)?;
    if how == Parameters::None || values.is_empty() {
        return Ok(none());
    }
    let record = |(format, value): (u16, Option<&[u8]>)| match value {
        None => Parameter::Null,
        Some(value) if how == Parameters::Commitment || value.len() > LONGEST => {
            Parameter::Commitment(Recorder::commit(value))
        }
        Some(value) => plain(format, value),
    };
    Ok(values.into_iter().map(record).collect())
}

fn none() -> Arc<[Parameter]> {
    thread_local! {
        static NONE: Arc<[Parameter]> = Arc::new([]);
    }
    NONE.with(Arc::clone)
}

fn plain(format: u16, value: &[u8]) -> Parameter {
    match str::from_utf8(value) {
        Ok(text) if format == 0 => Parameter::Text(text.to_owned()),
        _ => Parameter::Binary(HEXLOWER.encode(value)),
    }
}
