//! `docs/json.md`: every field of every line of JSON, from the schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{cell, hold};
use crate::{audit::Audit, output::schema, waits::Verdict};

/// The tables of one schema. `heading` names the line, `type_of` its `type`.
fn reference(schema: &str, prefix: &str) -> String {
    let root: Value = serde_json::from_str(schema).expect("a schema is JSON");
    let defs = root["$defs"].as_object().expect("definitions");
    let mut text = String::new();
    let mut lines = BTreeSet::new();
    // A record's line has its own definition; a look is the schema itself.
    if let Some(records) = root["oneOf"].as_array() {
        for record in records {
            let kind = record["properties"]["type"]["const"]
                .as_str()
                .expect("a type");
            let name = name_of(&record["$ref"]).expect("a definition");
            lines.insert(name.to_owned());
            text += &format!("### `{kind}`\n\n");
            text += &object(&defs[name], prefix);
        }
    } else {
        text += &object(&root, prefix);
    }
    for (name, def) in defs {
        if lines.contains(name) {
            continue;
        }
        text += &format!("### {prefix}{}\n\n", heading(name));
        text += &object(def, prefix);
    }
    text
}

/// A definition: its sentence, then its fields or its values.
fn object(def: &Value, prefix: &str) -> String {
    let mut text = String::new();
    if let Some(about) = def["description"].as_str() {
        text += &format!(
            "{}\n\n",
            about.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    if let Some(fields) = def["properties"].as_object() {
        let required: BTreeSet<&str> = def["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        text += "| field | type | |\n|---|---|---|\n";
        for (name, field) in fields {
            let about = cell(field["description"].as_str().unwrap_or_default());
            let optional = match required.contains(name.as_str()) {
                true => "",
                false => " (may be left out)",
            };
            let kind = kind(field, prefix);
            text += &format!("| `{name}` | {kind}{optional} | {about} |\n");
        }
        text.push('\n');
        return text;
    }
    let values = values(def);
    if values.is_empty() {
        text += &format!("A {}.\n\n", kind(def, prefix));
        return text;
    }
    let is_told = values.iter().any(|(_, about)| !about.is_empty());
    if is_told {
        text += "| value | |\n|---|---|\n";
        for (value, about) in &values {
            text += &format!("| `{value}` | {} |\n", cell(about));
        }
        text.push('\n');
    } else {
        let names: Vec<_> = values
            .iter()
            .map(|(value, _)| format!("`{value}`"))
            .collect();
        text += &format!("One of {}.\n\n", names.join(", "));
    }
    text
}

/// The values of an enumeration, each with its sentence where it has one.
fn values(def: &Value) -> Vec<(String, String)> {
    let plain = |value: &Value| Some((value.as_str()?.to_owned(), String::new()));
    let of = |def: &Value| -> Vec<_> {
        let values = def["enum"].as_array().into_iter().flatten();
        values.filter_map(plain).collect()
    };
    let branches = def["oneOf"].as_array().into_iter().flatten();
    let told = branches.flat_map(|branch| match branch["const"].as_str() {
        Some(value) => {
            let about = branch["description"].as_str().unwrap_or_default();
            vec![(value.to_owned(), about.to_owned())]
        }
        None => of(branch),
    });
    of(def).into_iter().chain(told).collect()
}

/// What a field holds, with a link to what it is made of.
fn kind(field: &Value, prefix: &str) -> String {
    if let Some(name) = name_of(&field["$ref"]) {
        let heading = heading(name);
        let anchor = format!("{prefix}{heading}")
            .replace(':', "")
            .replace(' ', "-");
        return format!("[{heading}](#{anchor})");
    }
    if let Some(any) = field["anyOf"].as_array() {
        let kinds: Vec<_> = any.iter().map(|one| kind(one, prefix)).collect();
        return kinds.join(" or ");
    }
    if let Some(value) = field["const"].as_str() {
        return format!("`\"{value}\"`");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", kind(&field["items"], prefix)),
        "object" if field["additionalProperties"].is_object() => format!(
            "object of {} by name",
            kind(&field["additionalProperties"], prefix)
        ),
        "string" if field["format"] == "date-time" => "string (RFC 3339)".to_owned(),
        name => name.to_owned(),
    };
    match &field["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).map(one).collect();
            names.join(" or ")
        }
        _ => "value".to_owned(),
    }
}

fn name_of(reference: &Value) -> Option<&str> {
    reference.as_str()?.strip_prefix("#/$defs/")
}

/// `EpisodeState` as words.
fn heading(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

#[test]
fn the_json_reference_is_that_of_the_code() {
    let test = "docs::json";
    let records = reference(&schema::schema_text(), "the ");
    hold("json.md", "the records", test, &records);
    let why = reference(&schema::schema_of::<Verdict>(), "why: ");
    hold("json.md", "a line of why", test, &why);
    let audit = reference(&schema::schema_of::<Audit>(), "audit: ");
    hold("json.md", "a line of audit", test, &audit);
}

#[test]
fn names_of_definitions_are_words() {
    assert_eq!(heading("EpisodeState"), "episode state");
    assert_eq!(heading("Zap"), "zap");
}
