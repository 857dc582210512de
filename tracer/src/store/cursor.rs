//! A place in a line of JSON whose layout is known beforehand.
//!
//! Each step takes a key, with its comma and colon, and a value; `None` is: it
//! looks different from what was expected, and the line is for a real parser.

use serde::{
    Deserialize,
    de::{DeserializeOwned, value::BorrowedStrDeserializer},
};

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    pub fn new(line: &'a str) -> Self {
        Self(line)
    }

    pub fn is_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Just this text.
    pub fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// A string in which nothing is escaped.
    pub fn text(&mut self, key: &str) -> Option<&'a str> {
        self.literal(key)?;
        let rest = self.0.strip_prefix('"')?;
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        let (text, rest) = rest.split_at(end);
        if text.bytes().fold(false, |any, b| any | (b < 0x20)) {
            return None;
        }
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// A string, where the key is there.
    pub fn maybe_text(&mut self, key: &str) -> Option<Option<&'a str>> {
        if self.0.starts_with(key) {
            return self.text(key).map(Some);
        }
        Some(None)
    }

    /// An id of an enum.
    pub fn id<T: Deserialize<'a>>(&mut self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        let value = BorrowedStrDeserializer::<serde::de::value::Error>::new(text);
        T::deserialize(value).ok()
    }

    /// An id, or null.
    pub fn maybe_id<T: Deserialize<'a>>(&mut self, key: &str) -> Option<Option<T>> {
        let mut ahead = *self;
        ahead.literal(key)?;
        if ahead.literal("null").is_some() {
            *self = ahead;
            return Some(None);
        }
        self.id(key).map(Some)
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        self.maybe_flag(key)?
    }

    /// A bool, or null.
    pub fn maybe_flag(&mut self, key: &str) -> Option<Option<bool>> {
        self.literal(key)?;
        if self.literal("false").is_some() {
            Some(Some(false))
        } else if self.literal("true").is_some() {
            Some(Some(true))
        } else {
            self.literal("null").map(|()| None)
        }
    }

    /// A number that is not negative.
    pub fn number<T: TryFrom<u64>>(&mut self, key: &str) -> Option<T> {
        self.literal(key)?;
        self.digits()?.try_into().ok()
    }

    pub fn signed(&mut self, key: &str) -> Option<i32> {
        self.literal(key)?;
        let is_negative = self.literal("-").is_some();
        let value = i64::try_from(self.digits()?).ok()?;
        i32::try_from(if is_negative { -value } else { value }).ok()
    }

    /// A number, or null.
    pub fn maybe_number<T: TryFrom<u64>>(&mut self, key: &str) -> Option<Option<T>> {
        self.literal(key)?;
        if self.literal("null").is_some() {
            return Some(None);
        }
        self.digits()?.try_into().ok().map(Some)
    }

    /// A number, where the key is there.
    pub fn number_there<T: TryFrom<u64>>(&mut self, key: &str) -> Option<Option<T>> {
        if self.0.starts_with(key) {
            return self.number(key).map(Some);
        }
        Some(None)
    }

    /// Any value, where the key is there.
    pub fn maybe_there<T: DeserializeOwned>(&mut self, key: &str) -> Option<Option<T>> {
        if self.literal(key).is_none() {
            return Some(None);
        }
        self.value().map(|(_, value)| Some(value))
    }

    /// Any value, and its text.
    pub fn value<T: DeserializeOwned>(&mut self) -> Option<(&'a str, T)> {
        let mut values = serde_json::Deserializer::from_str(self.0).into_iter::<T>();
        let value = values.next()?.ok()?;
        let (text, rest) = self.0.split_at_checked(values.byte_offset())?;
        self.0 = rest;
        Some((text, value))
    }

    fn digits(&mut self) -> Option<u64> {
        let bytes = self.0.as_bytes();
        let mut value = 0u64;
        let mut count = 0;
        while let Some(digit) = bytes.get(count).filter(|b| b.is_ascii_digit()) {
            value = value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            count += 1;
        }
        // A fraction or an exponent shows in what comes next.
        if count == 0 || (count > 1 && bytes[0] == b'0') {
            return None;
        }
        self.0 = &self.0[count..];
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Scope;

    #[test]
    fn what_is_as_expected_is_taken() {
        let mut at =
            Cursor::new(r#""a":"x y","b":7,"c":-3,"d":null,"e":true,"f":"thread","g":[1]}"#);
        assert_eq!(at.text(r#""a":"#), Some("x y"));
        assert_eq!(at.number(r#","b":"#), Some(7u32));
        assert_eq!(at.signed(r#","c":"#), Some(-3));
        assert_eq!(at.maybe_number::<u64>(r#","d":"#), Some(None));
        assert_eq!(at.number_there::<u64>(r#","not":"#), Some(None));
        assert_eq!(at.flag(r#","e":"#), Some(true));
        assert_eq!(at.id(r#","f":"#), Some(Scope::Thread));
        assert_eq!(at.maybe_there(r#","g":"#), Some(Some(vec![1u8])));
        assert_eq!(at.literal("}"), Some(()));
        assert!(at.is_end());
    }

    #[test]
    fn what_is_not_is_refused() {
        assert_eq!(Cursor::new(r#""a":"x\\n""#).text(r#""a":"#), None);
        assert_eq!(Cursor::new(r#""a":"x"#).text(r#""a":"#), None);
        assert_eq!(Cursor::new(r#""b":"x""#).text(r#""a":"#), None);
        assert_eq!(Cursor::new("1:300").number::<u8>("1:"), None);
        assert_eq!(
            Cursor::new("1:99999999999999999999").number::<u64>("1:"),
            None
        );
        assert_eq!(Cursor::new("1:07").number::<u64>("1:"), None);
        assert_eq!(Cursor::new("1:\"a\tb\"").text("1:"), None);
        assert_eq!(Cursor::new("1:").number::<u64>("1:"), None);
        assert_eq!(Cursor::new(r#"1:"other""#).id::<Scope>("1:"), None);
        assert_eq!(Cursor::new("1:null").flag("1:"), None);
    }
}
