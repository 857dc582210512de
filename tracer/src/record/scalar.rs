//! Small values that print themselves fast: at half a million records a second
//! a general formatter is most of the cost.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tracer_common::facts::COMM_LEN;

/// A process's name, at most 15 bytes, as the kernel has it. It is chosen by
/// the process, so renderers must escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Comm([u8; COMM_LEN]);

impl Comm {
    /// From the kernel's bytes: what comes after the first NUL is stale.
    pub fn new(mut bytes: [u8; COMM_LEN]) -> Self {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(COMM_LEN);
        bytes[end..].fill(0);
        Self(bytes)
    }

    /// As text; bytes that are no UTF-8 become U+FFFD.
    pub fn as_str(&self) -> Cow<'_, str> {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(COMM_LEN);
        String::from_utf8_lossy(&self.0[..end])
    }
}

impl From<&str> for Comm {
    /// Cuts at 15 bytes.
    fn from(text: &str) -> Self {
        let mut bytes = [0; COMM_LEN];
        let end = text.len().min(COMM_LEN - 1);
        bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        Self::new(bytes)
    }
}

impl Serialize for Comm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.as_str())
    }
}

impl<'de> Deserialize<'de> for Comm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Comm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a process's name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Comm, E> {
                Ok(Comm::from(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Comm {
    fn schema_name() -> Cow<'static, str> {
        "Comm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "A process's name, at most 15 bytes, chosen by the process."})
    }
}

/// Wall clock in nanoseconds since 1970, printed as RFC 3339 with nine digits, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// `2026-11-22T14:03:07.221000000Z`, 30 bytes.
    pub fn format(self) -> [u8; 30] {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil_from_days(days);
        let mut out = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut out[0..4], year);
        digits(&mut out[5..7], month);
        digits(&mut out[8..10], day);
        digits(&mut out[11..13], of_day / 3600);
        digits(&mut out[14..16], of_day / 60 % 60);
        digits(&mut out[17..19], of_day % 60);
        digits(&mut out[20..29], nanos);
        out
    }

    /// Reads what [`Self::format`] writes, and anything else that is RFC 3339 and
    /// not before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_nanosecond()).ok().map(Self)
    }
}

fn digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, for the years in
/// which a u64 of nanoseconds can be (to 2554). Held to a calendar library by
/// the test below.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // Count from 1 March 0000, so that the leap day is a year's last.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.format();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 has it")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A name among other words, in quotes where it could be taken for more than a name:
/// empty, with spaces that hide, or with one of the `marks` that mean something there.
pub fn name<'a>(text: &'a str, marks: &[char]) -> Cow<'a, str> {
    let is_ambiguous = text.is_empty()
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.contains("  ")
        || text.contains('"')
        || text.contains(marks);
    if is_ambiguous {
        format!("\"{}\"", text.replace('"', "\\\"")).into()
    } else {
        text.into()
    }
}

/// A span of time in words: in the unit that suits it, with two to four digits.
pub fn duration(ns: u64) -> String {
    let tenths = |unit: u64| (ns / unit, ns % unit * 10 / unit);
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => {
            let (whole, tenth) = tenths(1_000);
            format!("{whole}.{tenth} us")
        }
        1_000_000..1_000_000_000 => {
            let (whole, tenth) = tenths(1_000_000);
            format!("{whole}.{tenth} ms")
        }
        1_000_000_000..60_000_000_000 => {
            let (whole, tenth) = tenths(1_000_000_000);
            format!("{whole}.{tenth} s")
        }
        _ => {
            let seconds = ns / 1_000_000_000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            match hours {
                0 => format!("{minutes} min {seconds} s"),
                _ => format!("{hours} h {minutes} min"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_pass_for_more_is_in_quotes() {
        for plain in ["init.sh", "npm start", "a]b"] {
            assert_eq!(name(plain, &['(']), plain);
        }
        assert_eq!(name("a(b", &['(']), "\"a(b\"");
        assert_eq!(name("a \" b", &[]), "\"a \\\" b\"");
        for odd in ["", " a", "a ", "a  b"] {
            assert_eq!(name(odd, &[]), format!("\"{odd}\""));
        }
    }

    #[test]
    fn comm_stops_at_nul_and_survives_bad_bytes() {
        assert_eq!(Comm::new(*b"tracer\0stale ---").as_str(), "tracer");
        assert_eq!(
            Comm::new(*b"\xff\xfe\0\0\0\0\0\0\0\0\0\0\0\0\0\0").as_str(),
            "\u{fffd}\u{fffd}"
        );
        assert_eq!(
            Comm::from("a-name-that-is-too-long").as_str(),
            "a-name-that-is-"
        );
    }

    #[test]
    fn timestamps_agree_with_a_calendar_library() {
        // A prime step of days, with odd times of day, through the whole range.
        let mut ns = 0u64;
        while ns < u64::MAX - 97 * 86_400_000_000_000 {
            let text = Timestamp(ns).format();
            let text = std::str::from_utf8(&text).expect("ASCII");
            let ours: jiff::Timestamp = text.parse().expect("RFC 3339");
            let theirs = jiff::Timestamp::from_nanosecond(i128::from(ns)).expect("in range");
            assert_eq!(ours, theirs, "{text}");
            ns += 97 * 86_400_000_000_000 + 12_345_678_901_234;
        }
    }
}
