//! A definition's text as what it says, with the place of every key; nothing is rendered here.

mod data;
mod keys;
mod options;
mod place;
mod prompt;
mod row;

use serde_json::{Map, Value};

pub(crate) use data::{Data, SplitData};
use keys::Section;
pub(crate) use options::{OptionKey, subtask_name};
pub(crate) use place::{Fault, Located, Place};
pub(crate) use prompt::Prompt;
pub(crate) use row::{AnswerKind, Choices, RowKeys};

/// Characters of a task's name.
const LONGEST_NAME: usize = 64;

/// What a definition says.
#[derive(Debug)]
pub(crate) struct Definition {
    /// The task's name, if the definition has one.
    pub(crate) name: Option<String>,
    /// The options that `-T` sets.
    pub(crate) options: Vec<OptionKey>,
    /// Where rows are.
    pub(crate) data: Data,
    /// What a row means.
    pub(crate) row: RowKeys,
    /// What the model gets to read.
    pub(crate) prompt: Prompt,
    /// Demonstrations written by hand, as rows.
    pub(crate) written: Vec<Located<Map<String, Value>>>,
    /// Rows that ask nothing.
    pub(crate) content_free: Vec<Located<Map<String, Value>>>,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// Text that is no TOML, a key that is unknown or missing, a value of another kind.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut keys = Section::parse(text)?;
        if keys.first() != Some("task") {
            return Err(Fault::in_line(1, "expected `task = \"template\"` as the first key, got another one"));
        }
        let task = keys.require("task", "the key")?.text()?;
        if task.value != "template" {
            return Err(Fault::at(&task.place, format!("expected \"template\", got {:?}", task.value)));
        }
        let name = keys.take("name").map(|item| item.text()).transpose()?;
        if let Some(Located { place, value }) = &name {
            check_name(value).map_err(|message| Fault::at(place, message))?;
        }
        // A sentence for readers of the file.
        keys.take("summary").map(|item| item.text()).transpose()?;
        let options = keys.take("options").map(|item| OptionKey::read_all(item.section()?)).transpose()?;
        if let Some(second) = options.iter().flatten().filter(|option| option.groups.is_some()).nth(1) {
            return Err(Fault::at(&second.place, "expected one option with `groups` at most, got a second one"));
        }
        let data = Data::read(keys.require("data", "the table")?.section()?)?;
        let row = RowKeys::read(keys.require("row", "the table")?.section()?)?;
        let prompt = Prompt::read(keys.require("prompt", "the table")?.section()?)?;
        let written = keys.take("written").map(|item| item.rows()).transpose()?;
        let content_free = keys.take("content-free").map(|item| item.rows()).transpose()?;
        keys.finish()?;
        Ok(Self {
            name: name.map(|name| name.value),
            options: options.unwrap_or_default(),
            data,
            row,
            prompt,
            written: written.unwrap_or_default(),
            content_free: content_free.unwrap_or_default(),
        })
    }
}

/// Whether a task may have this name.
///
/// # Errors
/// What was expected, and what came.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let start: String = name.chars().take(LONGEST_NAME).collect();
    Err(format!("expected a name of 1 to {LONGEST_NAME} of the characters a-z, 0-9, `-` and `_`, got {start:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SST2;

    /// What is wrong with the definition of SST-2 once `old` is `new` in it.
    fn changed(old: &str, new: &str) -> String {
        assert!(SST2.contains(old), "{old}");
        Definition::parse(&SST2.replacen(old, new, 1)).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_has_its_key_and_line() {
        let cases = [
            ("task = \"template\"\n", "", "line 1: expected `task = \"template\"` as the first key, got another one"),
            (
                "task = \"template\"\n",
                "tasks = 1\ntask = \"template\"\n",
                "line 1: expected `task = \"template\"` as the first",
            ),
            ("\"template\"", "\"component\"", "`task` (line 1): expected \"template\", got \"component\""),
            (
                "\"sst2\"",
                "\"SST 2\"",
                "`name` (line 2): expected a name of 1 to 64 of the characters a-z, 0-9, `-` and `_`, got",
            ),
            ("name = \"sst2\"", "name = 2", "`name` (line 2): expected a text, got a whole number"),
            ("[data]\n", "", "line 1: expected the table `data`, got none"),
            (
                "repository =",
                "repositry =",
                "`data.repositry` (line 5): unknown key: expected one of repository, config,",
            ),
            (
                "config =",
                "configuration =",
                "`data.configuration` (line 6): unknown key: expected one of repository, config,",
            ),
            ("labels =", "labls =", "line 9: expected in `[row]` one of `labels` and `choices`, got neither"),
            ("answer = \"label\"\n", "", "line 9: expected in `[row]` the key `answer`, got none"),
            (
                "\"index\"",
                "\"number\"",
                "`row.answer-is` (line 13): expected one of auto, index, index-from-1, text, letter, got `number`",
            ),
            (
                "[\"negative\", \"positive\"]",
                "[\"negative\"]",
                "`row.labels` (line 11): expected two different texts or more, got",
            ),
            (
                "[\"negative\", \"positive\"]",
                "[\"negative\", 2]",
                "`row.labels` (line 11): expected a list of texts, got a whole number in",
            ),
            ("context =", "contxt =", "line 14: expected in `[prompt]` the key `context`, got none"),
            ("config = \"sst2\"", "sample = 0", "`data.sample` (line 6): expected a whole number from 1 to 4294967295"),
            ("{ sentence = \"[MASK]\" }", "3", "`content-free[1]` (line 3): expected a table, got another value"),
            ("[row]\n", "[row]\nquery = \"twice\"\n", "line 11: duplicate key"),
            (
                "[prompt]\n",
                "[prompt]\ndescription = 1\n",
                "`prompt.description` (line 15): expected a text, got a whole number",
            ),
        ];
        for (old, new, expected) in cases {
            let message = changed(old, new);
            assert!(message.starts_with(expected), "{old:?} to {new:?}: {message}");
        }
        let both = changed("labels =", "choices = \"x\"\nlabels =");
        assert_eq!(both, "`row.choices` (line 11): expected either `labels` or `choices`, got both");
        let extra = Definition::parse(&format!("{SST2}[extra]\nx = 1\n")).unwrap_err().to_string();
        assert!(extra.starts_with("`extra` (line 16): unknown key: expected one of task, name, summary,"), "{extra}");
    }

    #[test]
    fn answers_are_as_many_as_choices() {
        let few = changed("answer-is = \"index\"", "answers = [\"x\", \"y\", \"z\"]");
        assert_eq!(few, "`row.answers` (line 13): expected 2 texts, one for each choice, got 3");
        let index = changed("answer-is", "answers = [\"n\", \"p\"]\nanswer-is");
        assert!(index.starts_with("`row.answers` (line 13): expected `answer-is = \"text\"` beside it"), "{index}");
    }

    #[test]
    fn files_need_no_repository() {
        let text =
            SST2.replace("repository = \"nyu-mll/glue\"\nconfig = \"sst2\"\n", "demonstration-files = \"*.csv\"\n");
        let message = Definition::parse(&text).unwrap_err().to_string();
        let expected =
            "line 4: expected in `[data]` either `evaluation-files`, or `repository` and `evaluation`, got neither";
        assert_eq!(message, expected);
        let text = text.replace("[row]", "evaluation-files = [\"a.jsonl\", \"b.jsonl\"]\n[row]");
        let data = Definition::parse(&text).unwrap().data;
        let files = |split: &SplitData| split.files.iter().map(|file| file.value.clone()).collect::<Vec<_>>();
        assert_eq!((files(&data.demonstrations), files(&data.evaluation).len()), (vec!["*.csv".to_owned()], 2));
    }

    #[test]
    fn depth_and_size_of_a_definition_end_in_an_error() {
        let deep = format!("task = \"template\"\nx = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
        let message = Definition::parse(&deep).unwrap_err().to_string();
        assert!(message.starts_with("line 2: "), "{message}");
        let long = format!("task = \"template\"\n{}", "x = 1\n".repeat(100_000));
        let message = Definition::parse(&long).unwrap_err().to_string();
        assert!(message.starts_with("line 3: duplicate key"), "{message}");
    }
}
