//! `[prompt]`: what the model gets to read.

use super::keys::Section;
use super::place::{Fault, Located};

/// What is between a context and a continuation unless the definition says otherwise.
const DELIMITER: &str = " ";

/// The texts of a prompt, as templates; the delimiter and the separator are as they are.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// What stands before the first demonstration, and before queries without; a template that sees the options alone.
    pub(crate) description: Option<Located<String>>,
    pub(crate) context: Located<String>,
    pub(crate) delimiter: String,
    /// `None` for the choice's own text.
    pub(crate) continuation: Option<Located<String>>,
    /// `None` for context, delimiter and continuation of the right choice.
    pub(crate) demonstration: Option<Located<String>>,
    /// What stands behind each demonstration; `None` for that of most tasks.
    pub(crate) separator: Option<String>,
}

impl Prompt {
    pub(super) fn read(mut keys: Section<'_>) -> Result<Self, Fault> {
        let description = keys.take("description").map(|item| item.text()).transpose()?;
        let context = keys.require("context", "the key")?.text()?;
        let delimiter = keys.take("delimiter").map(|item| item.text()).transpose()?;
        let continuation = keys.take("continuation").map(|item| item.text()).transpose()?;
        let demonstration = keys.take("demonstration").map(|item| item.text()).transpose()?;
        let separator = keys.take("separator").map(|item| item.text()).transpose()?;
        keys.finish()?;
        Ok(Self {
            description,
            context,
            delimiter: delimiter.map_or_else(|| DELIMITER.to_owned(), |text| text.value),
            continuation,
            demonstration,
            separator: separator.map(|text| text.value),
        })
    }
}
