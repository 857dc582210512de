//! What sigwhy says of a container's first process, in lines for a person.

use std::time::Duration;

use serde_json::Value;

use super::engine::Container;
use super::identity;

/// A clock tick, as sigwhy and every Linux has it.
const TICK_NS: u64 = 10_000_000;

/// The `signal` records to the container's first process, in order, less those
/// that are always there. Each is held to the container that it names.
pub fn to<'a>(container: &Container, records: &'a [Value]) -> Vec<&'a Value> {
    let found: Vec<&Value> = records
        .iter()
        .filter(|record| is_to(record, container) && !is_noise(record))
        .collect();
    for record in &found {
        identity::hold(&record["target"]["container"], container);
    }
    found
}

/// SIGCHLD, and the SIGURG of every Go program.
pub fn is_noise(record: &Value) -> bool {
    let noise = [libc::SIGCHLD, libc::SIGURG];
    noise
        .iter()
        .any(|number| record["signal"]["number"] == *number)
}

/// Whether it is a `signal` record to that process.
pub fn is_to(record: &Value, container: &Container) -> bool {
    record["type"] == "signal" && is_target(record, container)
}

/// Whether a record's target is that process.
pub fn is_target(record: &Value, container: &Container) -> bool {
    let target = &record["target"];
    let start = target["start_ns"].as_u64().map(|ns| ns / TICK_NS);
    target["pid"] == container.pid && start == Some(container.start)
}

/// A field that is a word.
pub fn word<'a>(record: &'a Value, pointer: &str) -> &'a str {
    let word = record.pointer(pointer).and_then(Value::as_str);
    word.unwrap_or("?")
}

/// `NAME OUTCOME REASON (RESULT) by COMM, RELATION`, without the relation of
/// equals.
pub fn line(record: &Value) -> String {
    let word = |pointer| word(record, pointer);
    let relation = match word("/relation") {
        "same" => String::new(),
        other => format!(", {other}"),
    };
    format!(
        "{} {} {} ({}) by {}{relation}",
        word("/signal/name"),
        word("/outcome"),
        word("/reason"),
        word("/result"),
        word("/sender/comm"),
    )
}

/// [`line`] for each of [`to`].
pub fn lines(container: &Container, records: &[Value]) -> Vec<String> {
    to(container, records).into_iter().map(line).collect()
}

/// The time between the first two.
pub fn apart(records: &[&Value]) -> Duration {
    let at = |index: usize| {
        let record = records.get(index);
        record.and_then(|record| record["mono_ns"].as_u64())
    };
    match (at(0), at(1)) {
        (Some(first), Some(second)) => Duration::from_nanos(second.saturating_sub(first)),
        _ => Duration::ZERO,
    }
}
