//! Text from data sets, plugins and models, made fit for where it is shown: it is text there, and nothing else.

use ft_engine::text::{harmless, harmless_data, is_harmful, is_joiner};

/// For HTML and SVG, as text and inside quoted attributes, on one line.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in harmless(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// For Markdown, on one line and not at its beginning: nothing in it marks, links or ends a cell. Tags are written as
/// entities, since not every reader takes a backslash before them.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in harmless(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(character);
            }
            // Readers make links of what looks like an address.
            '@' => out.push_str("&#64;"),
            _ => out.push(character),
        }
    }
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A field of a CSV file (RFC 4180) that no spreadsheet takes for a formula: text that begins like one has an
/// apostrophe before it. For texts, not for numbers. A table is data: joiners stay, since words and emoji are spelt
/// with them.
pub(crate) fn csv(text: &str) -> String {
    let mut field = harmless_data(text);
    // A program that trims blanks or what has no width would find the formula behind them.
    let visible = field.trim_start_matches(|character: char| character.is_whitespace() || is_joiner(character));
    if visible.starts_with(['=', '+', '-', '@', '|', '%']) {
        field.insert(0, '\'');
    }
    if field.contains([',', '"', ';']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// JSON that says the same with nothing in it that acts on a terminal: what is harmful there can only stand in strings,
/// which may have any character by its number.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_harmful(character) {
            let mut units = [0; 2];
            character.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(character);
        }
    }
    out
}

/// A row of JSON on one line, likewise. A control outside of strings is white space, which a blank stands for; in
/// strings JSON allows none below U+0020.
pub fn json_line(text: &str) -> String {
    json(&text.replace(['\t', '\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_a_text_wherever_it_is_shown() {
        assert_eq!(html("<script>'\"&\n"), "&lt;script&gt;&#39;&quot;&amp;\\n");
        assert_eq!(markdown("a|b <b> [x](http://y) *z*"), r"a\|b &lt;b&gt; \[x\](http&#58;//y) \*z\*");
        assert_eq!(markdown("www.x.y a@b.c"), "www&#46;x.y a&#64;b.c");
        assert_eq!(csv("plain"), "plain");
        assert_eq!(csv("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for formula in ["+1", "-1", "@A1", "=1", " =1"] {
            assert!(csv(formula).starts_with('\''), "{formula}");
        }
        assert_eq!(csv("\t=1"), "\\t=1");
        let emoji = "a 👩\u{200d}🚀, می\u{200c}خواهم\u{202e}";
        assert_eq!(csv(emoji), format!("\"{}\"", emoji.replace('\u{202e}', "\\u{202e}")));
        assert_eq!(csv("\u{200d} =1"), "'\u{200d} =1");
    }

    #[test]
    fn a_row_of_json_stays_one() {
        let row = "{\"a\":\t[1,\r\n\"\u{202e}\u{85}\u{200d}\\t\"]}";
        let line = json_line(row);
        assert_eq!(line, r#"{"a": [1,  "\u202e\u0085\u200d\t"]}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&line), value(row));
    }

    proptest! {
        #[test]
        fn nothing_of_a_text_is_markup(text in any::<String>()) {
            prop_assert!(!html(&text).contains(['<', '>', '"', '\'', '\n']));
            prop_assert!(!markdown(&text).contains(['<', '>', '\n']));
            prop_assert!(!csv(&text).contains(['\n', '\r', '\t']));
            let value = serde_json::json!({"a": [&text]});
            let written = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!written.contains(|c| c != '\n' && is_harmful(c)));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
            let field = csv(&text);
            let cell = match field.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')) {
                Some(inner) => inner.replace("\"\"", "\""),
                None => field,
            };
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{}", cell);
        }
    }
}
