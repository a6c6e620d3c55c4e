//! Objects as JSON text, with their keys in the order in which they come.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// One object; its keys stand in the order given, which `serde_json`'s own map does not keep.
pub(crate) fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> String {
    let entries: Vec<String> =
        entries.into_iter().map(|(key, value)| format!("{}:{value}", Value::from(key))).collect();
    format!("{{{}}}", entries.join(","))
}

/// The keys of a text that is one JSON object, in their order, which `serde_json`'s own map does not keep.
pub(super) fn keys(row: &str) -> serde_json::Result<Vec<String>> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    let mut parser = serde_json::Deserializer::from_str(row);
    let keys = parser.deserialize_map(Keys)?;
    parser.end().map(|()| keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order() {
        let text = object([("b\"", Value::from("x\n")), ("a", Value::from(1.5))]);
        assert_eq!(text, r#"{"b\"":"x\n","a":1.5}"#);
        assert_eq!(object([]), "{}");
    }
}
