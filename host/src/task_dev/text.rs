//! What every definition that this program writes is made of: strings of TOML, and words of Jinja.

use std::fmt::Write as _;

/// Words of Jinja that are no column's name where code stands.
pub(super) const WORDS: [&str; 17] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "recursive",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "loop",
];

/// A text as a basic string of TOML, on one line.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for next in text.chars() {
        match next {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            _ if next.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(next));
            }
            _ => quoted.push(next),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_one_line_that_reads_back_as_itself() {
        for text in ["", "a \"b\" \\ c", "one\n\ttwo\r\n", "\u{0}\u{7}\u{1b}[2J\u{7f}\u{85}", "\u{202e}é😀'''"] {
            let written = string(text);
            assert!(!written.contains(char::is_control), "{written}");
            let table: toml::Table = format!("x = {written}").parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
