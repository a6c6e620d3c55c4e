//! `tokenizer_config.json`, as far as it bears on token ids.

use serde::{Deserialize, Deserializer};

use super::failure::failed;
use crate::model::ModelError;

/// The file's name, as messages and notes have it.
pub(super) const NAME: &str = "tokenizer_config.json";

/// What is read of it. A key may be absent (`None`) or null (`Some(None)`), which transformers tells apart.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    tokenizer_class: Option<String>,
    #[serde(deserialize_with = "present")]
    pub add_prefix_space: Option<Option<bool>>,
    #[serde(deserialize_with = "present")]
    pub add_bos_token: Option<Option<bool>>,
    #[serde(deserialize_with = "present")]
    pub bos_token: Option<Option<Token>>,
    pub eos_token: Option<Token>,
    pub unk_token: Option<Token>,
    pub pad_token: Option<Token>,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A token's text, with or without how it is matched.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Token {
    Text(String),
    Described { content: String },
}

impl Token {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Described { content } => content,
        }
    }
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for what is not the JSON of such a file.
    pub(super) fn read(json: &[u8]) -> Result<Self, ModelError> {
        serde_json::from_slice(json).map_err(|error| failed(format!("{NAME}: {error}")))
    }

    /// The token for a text's beginning that the file names, or else that for its end; `None` where it names none that the
    /// tokenizer has.
    pub(super) fn boundary(&self, tokenizer: &tokenizers::Tokenizer) -> Option<u32> {
        let bos = self.bos_token.as_ref().and_then(Option::as_ref);
        [bos, self.eos_token.as_ref()].into_iter().flatten().find_map(|token| tokenizer.token_to_id(token.text()))
    }

    /// The tokenizer's class as the file names it.
    pub(super) fn class(&self) -> Option<&str> {
        self.tokenizer_class.as_deref()
    }

    /// The class without the ending of those that the tokenizers library works for.
    pub(super) fn base_class(&self) -> Option<&str> {
        self.class().map(|class| class.strip_suffix("Fast").unwrap_or(class))
    }
}
