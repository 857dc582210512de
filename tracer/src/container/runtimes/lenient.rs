//! Fields that may be of another type than expected: a surprise in one field
//! must not cost the rest of the file.

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// For `#[serde(default, deserialize_with = "field")]`: the type's default
/// where the value is of another type.
pub fn field<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A text that is there and not empty.
pub fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
