//! NDJSON as a contract for programs.

use std::collections::BTreeSet;

use serde_json::Value;
use sigwhy::output::schema::schema_text;

use super::live::{Live, Said};
use super::story::{Story, of_type};

type Outcome = anyhow::Result<()>;

fn told(args: &[&str]) -> anyhow::Result<(Said, Vec<Value>)> {
    let story = Story::new("cli-json")?;
    let live = Live::json(args)?;
    story.tell()?;
    story.finish()?;
    let said = live.end()?;
    let records = said.records()?;
    Ok((said, records))
}

#[test]
fn the_frame_of_a_stream() -> Outcome {
    let (said, records) = told(&["--all"])?;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.err);
    assert_eq!(said.err, [""; 0], "nothing to tell a person");
    assert_eq!(records[0]["type"], "start");
    let [.., loss, stop] = records.as_slice() else {
        panic!("fewer than two records");
    };
    assert_eq!(
        (&loss["type"], &stop["type"]),
        (&"loss".into(), &"stop".into())
    );
    let of = |name: &str| loss[name].as_u64().expect("a count");
    assert_eq!(
        of("kernel_seen"),
        of("filtered") + of("submitted") + of("ring_full"),
        "{loss}"
    );
    assert_eq!(of("received"), of("submitted"), "{loss}");
    assert_eq!(stop["lost"], loss["ring_full"]);
    assert_eq!(stop["undecodable"], 0);
    assert_eq!(stop["model_disagrees"], 0);
    let shown = of_type(&records, "signal").count() as u64;
    let rows = stop["signals"].as_array().expect("rows");
    let counted: u64 = rows
        .iter()
        .filter_map(|row| row["outcomes"].as_object())
        .flat_map(|outcomes| outcomes.values())
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(counted, shown);
    Ok(())
}

#[test]
fn records_come_in_the_order_of_their_times() -> Outcome {
    let (_, records) = told(&["--all"])?;
    // A loss is told between two batches, of which the later has begun before.
    let times: Vec<_> = records
        .iter()
        .filter(|r| r["type"] != "loss")
        .map(|r| r["mono_ns"].as_u64().expect("a time"))
        .collect();
    if let Some(at) = times.windows(2).position(|pair| pair[0] > pair[1]) {
        panic!("out of order: {times:?} at {at}");
    }
    Ok(())
}

/// The keys that the schema asks for in each type of record.
fn required() -> Vec<(String, BTreeSet<String>)> {
    let root: Value = serde_json::from_str(&schema_text()).expect("a schema is JSON");
    let variants = root["oneOf"].as_array().expect("one schema per record");
    variants
        .iter()
        .map(|variant| {
            let kind = variant["properties"]["type"]["const"]
                .as_str()
                .expect("its type");
            let mut keys = BTreeSet::new();
            let mut schemas = vec![variant];
            while let Some(schema) = schemas.pop() {
                let own = schema["required"].as_array().into_iter().flatten();
                keys.extend(own.filter_map(Value::as_str).map(str::to_owned));
                schemas.extend(schema["allOf"].as_array().into_iter().flatten());
                let target = schema["$ref"]
                    .as_str()
                    .and_then(|at| root.pointer(&at[1..]));
                schemas.extend(target);
            }
            (kind.to_owned(), keys)
        })
        .collect()
}

#[test]
fn every_record_has_the_keys_of_the_schema() -> Outcome {
    let (_, records) = told(&["--all", "-v"])?;
    let required = required();
    let mut kinds = BTreeSet::new();
    for record in &records {
        let kind = record["type"].as_str().expect("a type");
        kinds.insert(kind);
        let (_, keys) = required
            .iter()
            .find(|(known, _)| known == kind)
            .unwrap_or_else(|| panic!("{kind} is not in the schema"));
        assert!(keys.len() > 2, "{kind} asks for {keys:?}");
        for key in keys {
            assert!(record.get(key).is_some(), "{kind} without {key}: {record}");
        }
    }
    let all = [
        "deliver", "episode", "exit", "loss", "signal", "start", "stop", "zap",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    Ok(())
}

#[test]
fn the_start_says_what_is_attached_and_asked_for() -> Outcome {
    let live = Live::json(["--signal", "TERM", "--outcome", "dropped,fatal"])?;
    let records = live.records()?;
    let start = &records[0];
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    for hook in ["signal_generate", "signal_deliver", "sched_process_exit"] {
        assert!(start["hooks"][hook].is_string(), "{hook}: {start}");
    }
    let filters = &start["filters"];
    assert_eq!(filters[0], "--signal SIGTERM");
    assert_eq!(filters[1], "--outcome dropped,fatal");
    Ok(())
}

#[test]
fn the_path_comes_with_v() -> Outcome {
    let story = Story::new("cli-path")?;
    let live = Live::json(["-v".to_owned(), "-c".to_owned(), story.inode.to_string()])?;
    story.tell()?;
    let records = live.records()?;
    let dropped = of_type(&records, "signal")
        .find(|r| r["reason"] == "unkillable_init")
        .expect("the story has one");
    let steps = dropped["path"].as_array().expect("a path");
    let last = steps.last().expect("it has steps");
    assert!(
        last["function"].is_string() && last["holds"].is_boolean(),
        "{last}"
    );
    Ok(())
}
