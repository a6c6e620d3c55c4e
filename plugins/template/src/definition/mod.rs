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
pub(crate) use options::OptionKey;
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
