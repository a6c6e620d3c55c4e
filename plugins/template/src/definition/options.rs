//! `[options]`: what a user may set with `-T`.

use super::keys::Section;
use super::place::{Fault, Located, Place};

/// An option of the definition. Its values are texts.
#[derive(Debug)]
pub(crate) struct OptionKey {
    pub(crate) place: Place,
    pub(crate) name: String,
    /// Its value when the user sets none.
    pub(crate) default: String,
    /// The values that it takes; empty for any text.
    pub(crate) choices: Vec<String>,
}

impl OptionKey {
    /// All of `[options]`.
    pub(super) fn read_all(section: Section<'_>) -> Result<Vec<Self>, Fault> {
        section.rest().map(|(name, item)| Self::read(name, item.section()?)).collect()
    }

    fn read(name: String, mut keys: Section<'_>) -> Result<Self, Fault> {
        let place = keys.place.clone();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.bytes().all(plain) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(Fault::at(&place, "expected a name of the characters a-z, 0-9 and `_`, a letter first"));
        }
        let default = keys.require("default", "the key")?.text()?;
        let choices = keys.take("choices").map(|item| item.texts()).transpose()?;
        keys.finish()?;
        if let Some(Located { place, value: choices }) = &choices
            && !choices.contains(&default.value)
        {
            let message = format!("expected the default {:?} among the choices, got {choices:?}", default.value);
            return Err(Fault::at(place, message));
        }
        Ok(Self {
            place,
            name,
            default: default.value,
            choices: choices.map(|choices| choices.value).unwrap_or_default(),
        })
    }

    /// The value that a user sets.
    ///
    /// # Errors
    /// A value that is none of the choices.
    pub(crate) fn check(&self, value: &str) -> Result<(), Fault> {
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice == value) {
            return Ok(());
        }
        let message = format!("expected one of {}, got `{value}`", self.choices.join(", "));
        Err(Fault::at(&self.place, message))
    }
}
