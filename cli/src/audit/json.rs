//! Records as JSON objects: the event as the log holds it, contexts put back in place, with its place in
//! the log and a time that people can read; a decision with its completion.

use exeat_audit::{Entry, Event, UnixMicros};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// A time as RFC 3339 in UTC, to the millisecond.
pub(super) fn time(at: UnixMicros) -> String {
    let at = Timestamp::from_microsecond(at).unwrap_or_default();
    format!("{at:.3}")
}

/// A record, with what came of it.
pub(super) fn record(entry: &Entry, completion: Option<&Event<'_>>) -> anyhow::Result<Value> {
    let mut object = event(&entry.event)?;
    object.insert("sequence".to_owned(), entry.sequence.into());
    if let Some(completion) = completion {
        let mut nested = event(completion)?;
        let body = nested
            .remove("event")
            .and_then(|mut body| body.get_mut("completion").map(Value::take));
        let mut fields = match body {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        fields.remove("decision");
        for key in ["at", "id", "time"] {
            fields.extend(nested.remove(key).map(|value| (key.to_owned(), value)));
        }
        object.insert("completion".to_owned(), Value::Object(fields));
    }
    Ok(Value::Object(object))
}

fn event(event: &Event<'_>) -> anyhow::Result<Map<String, Value>> {
    let Value::Object(mut object) = serde_json::to_value(event)? else {
        anyhow::bail!("an event is no object");
    };
    object.insert("time".to_owned(), time(event.at).into());
    Ok(object)
}
