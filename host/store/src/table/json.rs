//! Values as JSON text, in the order in which they come.

use serde_json::Value;

/// One object; its keys stand in the order given, which `serde_json`'s own map does not keep.
pub(crate) fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> String {
    let entries: Vec<String> =
        entries.into_iter().map(|(key, value)| format!("{}:{value}", Value::from(key))).collect();
    format!("{{{}}}", entries.join(","))
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
