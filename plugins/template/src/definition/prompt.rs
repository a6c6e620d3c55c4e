//! `[prompt]`: what the model gets to read.

use super::keys::Section;
use super::place::{Fault, Located};

/// What is between a context and a continuation unless the definition says otherwise.
const DELIMITER: &str = " ";

/// The texts of a prompt, as templates; the delimiter and the separator are texts.
#[derive(Debug)]
pub(crate) struct Prompt {
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
        if let Some(Located { place, value }) = keys.take("description").map(|item| item.text()).transpose()?
            && !value.is_empty()
        {
            return Err(Fault::at(
                &place,
                "expected an empty text, got another: no text is shown before the demonstrations yet",
            ));
        }
        let context = keys.require("context", "the key")?.text()?;
        let delimiter = keys.take("delimiter").map(|item| item.text()).transpose()?;
        let continuation = keys.take("continuation").map(|item| item.text()).transpose()?;
        let demonstration = keys.take("demonstration").map(|item| item.text()).transpose()?;
        let separator = keys.take("separator").map(|item| item.text()).transpose()?;
        keys.finish()?;
        Ok(Self {
            context,
            delimiter: delimiter.map_or_else(|| DELIMITER.to_owned(), |text| text.value),
            continuation,
            demonstration,
            separator: separator.map(|text| text.value),
        })
    }
}
