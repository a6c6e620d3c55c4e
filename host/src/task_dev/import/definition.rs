//! A definition as text: TOML that says where it comes from.

use std::fmt::Write as _;

use super::error::Mismatch;
use super::yaml::{Map, Value};
use crate::task_dev::text::string;

/// What an import makes of a task of the harness.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Definition {
    /// Lines of the comment at its top.
    pub(super) comments: Vec<String>,
    pub(super) name: String,
    pub(super) repository: String,
    pub(super) config: Option<String>,
    /// The names of the splits.
    pub(super) demonstrations: String,
    pub(super) evaluation: String,
    pub(super) choices: Choices,
    /// The expression for the right choice.
    pub(super) answer: String,
    /// How the answer says it, where that is known.
    pub(super) answer_is: Option<&'static str>,
    pub(super) prompt: Prompt,
    /// Demonstrations written by hand: columns and their values as TOML.
    pub(super) written: Vec<Vec<(String, String)>>,
}

/// A row's choices.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choices {
    /// The classes, in TOML's words `labels`.
    Labels(Vec<String>),
    /// Texts that are no classes, such as A, B, C and D.
    Texts(Vec<String>),
    /// An expression for a list of texts.
    Expression(String),
}

impl Default for Choices {
    fn default() -> Choices {
        Choices::Texts(Vec::new())
    }
}

/// Templates and texts of a prompt.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Prompt {
    pub(super) description: String,
    pub(super) context: String,
    pub(super) delimiter: String,
    /// What is scored, where it is not the choice.
    pub(super) continuation: Option<String>,
    /// A demonstration, where it is not context, delimiter and right choice.
    pub(super) demonstration: Option<String>,
    pub(super) separator: String,
}

impl Definition {
    /// The definition as TOML.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for comment in &self.comments {
            let _ = writeln!(text, "{}", format!("# {}", one_line(comment)).trim_end());
        }
        text.push_str("task = \"template\"\n");
        line(&mut text, "name", &string(&self.name));
        self.data(&mut text);
        self.row(&mut text);
        self.prompt.write(&mut text);
        for row in &self.written {
            text.push_str("\n[[written]]\n");
            for (column, value) in row {
                line(&mut text, &key(column), value);
            }
        }
        text
    }

    fn data(&self, text: &mut String) {
        text.push_str("\n[data]\n");
        line(text, "repository", &string(&self.repository));
        if let Some(config) = &self.config {
            line(text, "config", &string(config));
        }
        line(text, "demonstrations", &string(&self.demonstrations));
        line(text, "evaluation", &string(&self.evaluation));
    }

    fn row(&self, text: &mut String) {
        text.push_str("\n[row]\n");
        match &self.choices {
            Choices::Labels(texts) => line(text, "labels", &strings(texts)),
            Choices::Texts(texts) => line(text, "choices", &strings(texts)),
            Choices::Expression(expression) => line(text, "choices", &string(expression)),
        }
        line(text, "answer", &string(&self.answer));
        if let Some(kind) = self.answer_is {
            line(text, "answer-is", &string(kind));
        }
    }
}

impl Prompt {
    fn write(&self, text: &mut String) {
        text.push_str("\n[prompt]\n");
        if !self.description.is_empty() {
            line(text, "description", &string(&self.description));
        }
        line(text, "context", &string(&self.context));
        line(text, "delimiter", &string(&self.delimiter));
        let optional = [("continuation", &self.continuation), ("demonstration", &self.demonstration)];
        for (name, value) in optional {
            if let Some(value) = value {
                line(text, name, &string(value));
            }
        }
        line(text, "separator", &string(&self.separator));
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A comment holds what stood in another file: it must not end its line.
fn one_line(text: &str) -> String {
    text.chars().map(|next| if next.is_control() { ' ' } else { next }).collect()
}

fn strings(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { string(name) }
}

/// A row that is written in YAML, as columns with their values in TOML.
///
/// # Errors
/// Values whose text would not be the same in a prompt, or that TOML does not have.
pub(super) fn written_row(row: &Map) -> Result<Vec<(String, String)>, Mismatch> {
    row.iter().map(|entry| Ok((entry.key.clone(), value(&entry.value)?))).collect()
}

fn value(value_of: &Value) -> Result<String, Mismatch> {
    match value_of {
        Value::Text(text) => Ok(string(text)),
        Value::Integer(number) => Ok(number.to_string()),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| value(&item.value)).collect::<Result<_, _>>()?;
            Ok(format!("[{}]", items.join(", ")))
        }
        Value::Map(map) => {
            let entry = |(column, value): (String, String)| format!("{} = {value}", key(&column));
            let entries: Vec<String> = written_row(map)?.into_iter().map(entry).collect();
            Ok(format!("{{ {} }}", entries.join(", ")))
        }
        Value::Null | Value::Bool(_) | Value::Other(_) | Value::Function(_) => {
            Err(Mismatch::new("rows of texts, whole numbers, lists and mappings", value_of.shown()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_itself() {
        let texts = ["", "a\nb", "\"quoted\" \\ \t\r", "\u{7f}\u{1}\u{85}", "{{ a }}'''\"\"\"", "\u{2028}\u{1f600}"];
        for text in texts {
            let read: toml::Table = format!("x = {}", string(text)).parse().unwrap();
            assert_eq!(read["x"].as_str(), Some(text), "{text:?}");
        }
    }

    #[test]
    fn a_comment_cannot_become_a_key() {
        let comments = vec!["from `a\nname = 1`".to_owned()];
        let definition = Definition { comments, name: "a".into(), ..Definition::default() };
        let read: toml::Table = definition.text().parse().unwrap();
        assert_eq!(read["name"].as_str(), Some("a"));
    }
}
