//! Text to token ids, with a tokenizer file or with a GGUF file's own vocabulary.

mod gguf;

use super::ModelError;
use super::weights::Gguf;

/// A model's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: Option<u32>,
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

impl Tokenizer {
    /// From a `tokenizer.json`. What it puts around a text, if anything, is put around demonstrations.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the file cannot be read.
    pub fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(failed)?;
        // A file may ask for padding or truncation, which belong to training.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(failed)?;
        let around_nothing = inner.encode_fast("", true).map_err(failed)?;
        let bos = around_nothing.get_ids().first().copied();
        Ok(Self { inner, bos })
    }

    /// From the vocabulary in a GGUF file.
    ///
    /// # Errors
    /// Metadata that is missing or malformed, or a kind of tokenizer that is not covered.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ModelError> {
        let (inner, bos) = gguf::read(gguf)?;
        Ok(Self { inner, bos })
    }

    /// A text's tokens alone.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.inner.encode_fast(text, false).map_err(failed)?.get_ids().to_vec())
    }

    /// A text's tokens with those that the model expects around a text, such as a token for its beginning.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        if self.inner.get_post_processor().is_some() {
            return Ok(self.inner.encode_fast(text, true).map_err(failed)?.get_ids().to_vec());
        }
        let mut ids: Vec<u32> = self.bos.into_iter().collect();
        ids.extend(self.encode(text)?);
        Ok(ids)
    }

    /// The token that stands before every text, if the model expects one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }
}
