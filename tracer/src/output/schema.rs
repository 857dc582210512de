//! The JSON Schemas of a line of output, as they are checked in: that of the
//! records, and those of the commands that look.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use crate::record::Record;

/// The schema as the repository has it in `docs/schema/sigwhy.schema.json`:
/// pretty, with a line feed at the end.
///
/// Of what is written, not of what could be read: a field that is `null` where
/// it is unknown is required, one that is left out is not.
pub fn schema_text() -> String {
    schema_of::<Record>()
}

/// The same of any line: that of `sigwhy why` is a [`crate::waits::Verdict`], that
/// of `sigwhy audit` an [`crate::audit::Audit`].
pub fn schema_of<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::output::fixtures;

    /// Where the schemas are checked in.
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema");

    /// Holds a checked in schema to the code.
    #[track_caller]
    fn is_checked_in(name: &str, text: &str) {
        let path = format!("{FOLDER}/{name}.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some_and(|v| v == "1") {
            std::fs::write(&path, text).expect("docs/schema can be written");
        }
        let checked_in = std::fs::read_to_string(&path).expect("the schema is checked in");
        assert!(
            checked_in == text,
            "docs/schema/{name}.schema.json is not that of the code: run the test with UPDATE_SCHEMA=1 and look at the difference"
        );
    }

    /// Every field that the contract promises, by record; `begin:` and `end:`
    /// belong to a phase.
    const CONTRACT: &[(&str, &str)] = &[
        (
            "signal",
            "type ts mono_ns signal.number signal.name signal.code signal.code_name sender.kind \
             sender.pid sender.tid sender.ns_pid sender.pid_ns sender.ns_level sender.comm \
             sender.uid sender.start_ns sender.container target.pid target.tid target.ns_pid \
             target.pid_ns target.ns_level target.comm target.uid target.start_ns \
             target.container target.is_init target.is_global_init target.unkillable \
             target.disposition target.blocked target.sigwait target.ptraced target.exiting \
             target.frozen scope relation forced result outcome reason rule explanation",
        ),
        (
            "deliver",
            "type ts mono_ns signal.number signal.name signal.code signal.code_name target.pid \
             target.tid target.ns_pid target.pid_ns target.ns_level target.comm target.uid \
             target.start_ns target.container target.is_init target.is_global_init \
             target.unkillable target.disposition target.blocked target.sigwait target.ptraced \
             target.exiting target.frozen outcome reason latency_ns generated_mono_ns",
        ),
        (
            "zap",
            "type ts mono_ns phase container.id container.name container.runtime container.image \
             container.pod container.pod_namespace container.cgroup container.pid_ns \
             container.init_pid init.pid source begin:killed.0.pid \
             begin:killed.0.had_sigterm_handler begin:killed.0.saw_sigterm end:duration_ns",
        ),
        (
            "exit",
            "type ts mono_ns process.pid exit_code signal core_dumped is_init container",
        ),
        (
            "episode",
            "type ts mono_ns id container.name state began.mono_ns ended.mono_ns stop_signal.name \
             stop_sender.kind grace_ns kill_sender.kind exit_code killed_by_zap.0.pid \
             killed_by_zap.0.had_sigterm_handler zap_ns diagnoses.0.id diagnoses.0.summary \
             diagnoses.0.evidence.0.mono_ns diagnoses.0.fix diagnoses.0.complete \
             timeline.0.mono_ns",
        ),
        (
            "loss",
            "type ts mono_ns kernel_seen filtered submitted ring_full received",
        ),
        (
            "start",
            "type ts mono_ns version kernel hooks filters host boot_id clock_offset_ns",
        ),
        ("stop", "type ts mono_ns"),
        (
            "preroll",
            "type ts mono_ns occasion episode container.name since.mono_ns records forgotten whole",
        ),
    ];

    fn fixtures() -> impl Iterator<Item = Value> {
        let records = fixtures::all().into_iter();
        records.map(|r| serde_json::to_value(r).expect("serialises"))
    }

    #[test]
    fn the_checked_in_schema_is_that_of_the_code() {
        is_checked_in("sigwhy", &schema_text());
        is_checked_in("why", &schema_of::<crate::waits::Verdict>());
        is_checked_in("audit", &schema_of::<crate::audit::Audit>());
    }

    #[test]
    fn what_a_look_says_is_what_its_schema_says() {
        let held = |schema: String, line: Value| {
            let schema: Value = serde_json::from_str(&schema).expect("JSON");
            let result = check(&schema, &schema, &line, true);
            result.unwrap_or_else(|why| panic!("{why}\n{line}"));
        };
        for verdict in crate::waits::tests::verdicts() {
            let line = serde_json::to_value(&verdict).expect("serialises");
            held(schema_of::<crate::waits::Verdict>(), line);
        }
        for audit in crate::audit::tests::sample() {
            let line = serde_json::to_value(&audit).expect("serialises");
            held(schema_of::<crate::audit::Audit>(), line);
        }
    }

    #[test]
    fn records_hold_what_the_contract_promises() {
        let mut seen = BTreeSet::new();
        for record in fixtures() {
            let kind = record["type"].as_str().expect("a text").to_owned();
            let (_, fields) = CONTRACT
                .iter()
                .find(|(name, _)| *name == kind)
                .expect("a known type");
            for field in fields.split_whitespace() {
                let path = match field.split_once(':') {
                    Some((phase, _)) if record["phase"] != phase => continue,
                    Some((_, path)) => path,
                    None => field,
                };
                let pointer = format!("/{}", path.replace('.', "/"));
                assert!(
                    record.pointer(&pointer).is_some(),
                    "{path} is missing: {record}"
                );
            }
            seen.insert(kind);
        }
        assert_eq!(seen.len(), CONTRACT.len(), "a fixture of each type");
    }

    #[test]
    fn records_are_what_the_schema_says() {
        let schema: Value = serde_json::from_str(&schema_text()).expect("JSON");
        for record in fixtures() {
            let result = check(&schema, &schema, &record, true);
            result.unwrap_or_else(|why| panic!("{why}\n{record}"));
        }
    }

    #[test]
    fn the_check_finds_what_the_schema_forbids() {
        let schema: Value = serde_json::from_str(&schema_text()).expect("JSON");
        let good = serde_json::to_value(&fixtures::all()[0]).expect("serialises");
        let mut wrong = vec![good.clone(), good.clone(), good.clone(), good];
        wrong[0]["surprise"] = 1.into();
        wrong[1]["sender"]["surprise"] = 1.into();
        wrong[2]["outcome"] = "vanished".into();
        wrong[3]
            .as_object_mut()
            .expect("an object")
            .remove("mono_ns");
        for record in wrong {
            assert!(check(&schema, &schema, &record, true).is_err(), "{record}");
        }
    }

    fn resolve<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        Some(
            root.pointer(pointer)
                .expect("a reference that leads somewhere"),
        )
    }

    /// The keys that a schema and what it refers to name.
    fn keys<'a>(root: &'a Value, schema: &'a Value) -> BTreeSet<&'a str> {
        let own = schema.get("properties").and_then(Value::as_object);
        let mut all: BTreeSet<&str> = own.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        if let Some(referred) = resolve(root, schema) {
            all.extend(keys(root, referred));
        }
        all
    }

    /// As much of JSON Schema as ours uses; unknown keys are errors.
    fn check(root: &Value, schema: &Value, value: &Value, whole: bool) -> Result<(), String> {
        let fail = |what: &str| Err(format!("{what}: {value}"));
        if let Some(referred) = resolve(root, schema) {
            check(root, referred, value, false)?;
        }
        for any in ["oneOf", "anyOf"] {
            if let Some(branches) = schema.get(any).and_then(Value::as_array) {
                let errors: Vec<String> = branches
                    .iter()
                    .filter_map(|branch| check(root, branch, value, whole).err())
                    .collect();
                return match errors.len() < branches.len() {
                    true => Ok(()),
                    false => Err(errors.join("\n")),
                };
            }
        }
        if schema.get("const").is_some_and(|only| only != value) {
            return fail("not the constant");
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array)
            && !values.contains(value)
        {
            return fail("none of the values");
        }
        let is = |name: &Value| match name.as_str() {
            Some("null") => value.is_null(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => false,
        };
        match schema.get("type") {
            Some(Value::Array(names)) if !names.iter().any(is) => return fail("of another type"),
            Some(name @ Value::String(_)) if !is(name) => return fail("of another type"),
            _ => {}
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for value in values {
                check(root, items, value, true)?;
            }
        }
        let Some(object) = value.as_object() else {
            return Ok(());
        };
        for name in schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if !object.contains_key(name.as_str().expect("a name")) {
                return fail(&format!("{name} is missing"));
            }
        }
        let named = keys(root, schema);
        for (key, value) in object {
            if let Some(property) = schema.get("properties").and_then(|all| all.get(key)) {
                check(root, property, value, true)?;
            } else if let Some(more) = schema.get("additionalProperties") {
                check(root, more, value, true)?;
            } else if whole && !named.contains(key.as_str()) {
                return Err(format!("the schema does not know {key}"));
            }
        }
        Ok(())
    }
}
