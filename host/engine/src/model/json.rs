//! JSON whose objects have every key once. The format leaves open which of two values of a key counts, and readers differ.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses JSON whose objects have every key once.
///
/// # Errors
/// Malformed JSON, or a key that an object has twice, by its name.
pub fn parse(json: &[u8]) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Once.deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Looks for a key that the object which a text is has twice, without keeping anything of its values.
///
/// # Errors
/// Malformed JSON, anything but an object, or such a key by its name.
pub(crate) fn check_keys(json: &[u8]) -> Result<(), String> {
    serde_json::Deserializer::from_slice(json).deserialize_map(Keys).map_err(|error| error.to_string())
}

fn twice<E: Error>(key: &str) -> E {
    E::custom(format_args!("expected the key `{key}` once in an object, got it twice"))
}

/// Fails at the second of two equal keys of one object.
struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value::<IgnoredAny>()?;
            if keys.contains(&key) {
                return Err(twice(&key));
            }
            keys.insert(key);
        }
        Ok(())
    }
}

/// Builds a value, and fails at the second of two equal keys.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if values.contains_key(&key) {
                return Err(twice(&key));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_usual_parser() {
        let text = r#"{"a": [1, -2, 3.5, 1e30, null, true, "x\n\u00e9", {}], "b": {"a": 18446744073709551615}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_key_stands_once() {
        for text in [r#"{"a": 1, "a": 1}"#, r#"{"b": [{"a": 1, "\u0061": 2}]}"#] {
            let message = parse(text.as_bytes()).unwrap_err();
            assert!(message.starts_with("expected the key `a` once in an object, got it twice at line 1"), "{message}");
        }
        let message = check_keys(br#"{"a": [1], "b": {"c": 1, "c": 2}, "a": 3}"#).unwrap_err();
        assert!(message.starts_with("expected the key `a` once in an object, got it twice at line 1"), "{message}");
        assert_eq!(check_keys(br#"{"a": [1], "b": {"c": 1, "c": 2}}   "#), Ok(()));
        assert!(check_keys(b"[]").is_err());
        for text in ["", "{", "{} x", "{\"a\": NaN}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
