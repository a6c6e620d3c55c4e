//! Text to token ids, with a tokenizer file or with a GGUF file's own vocabulary.

mod bounds;
mod bpe;
mod gguf;

use bounds::Growth;
use serde::Serialize;
use tokenizers::ModelWrapper;

use super::ModelError;
use super::quiet::without_panic;
use super::weights::Gguf;

/// A model's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: Option<u32>,
    growth: Growth,
    notes: Vec<String>,
}

/// A token and the part of a text that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The token.
    pub id: u32,
    /// The part of the text.
    pub text: String,
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

/// Runs a part of the tokenizer library, which panics over some malformed files, and over texts that some files' rules do
/// not cover, instead of returning an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    without_panic(work).unwrap_or_else(|message| Err(failed(format!("it gave up: {message}"))))
}

/// Switches off what makes one text different tokens each time, which belongs to training too; gives a note where it was
/// on.
fn without_chance(tokenizer: &mut tokenizers::Tokenizer) -> Vec<String> {
    let mut model = match tokenizer.get_model() {
        ModelWrapper::BPE(model) if model.dropout.is_some_and(|share| share > 0.0) => ModelWrapper::BPE(model.clone()),
        ModelWrapper::Unigram(model) if model.alpha.is_some() || model.nbest_size.is_some() => {
            ModelWrapper::Unigram(model.clone())
        }
        _ => return Vec::new(),
    };
    let what = match &mut model {
        ModelWrapper::BPE(model) => format!("BPE dropout of {}", model.dropout.take().unwrap_or_default()),
        ModelWrapper::Unigram(model) => {
            (model.alpha, model.nbest_size) = (None, None);
            "sampling of segmentations".to_owned()
        }
        _ => return Vec::new(),
    };
    tokenizer.with_model(model);
    vec![format!("the tokenizer's {what} is switched off, so that a text always has the same tokens")]
}

impl Tokenizer {
    /// From a `tokenizer.json`. What it puts around a text, if anything, is put around demonstrations.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the file cannot be read.
    pub fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let growth = bounds::growth(json)?;
        guarded(|| {
            let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(failed)?;
            let notes = without_chance(&mut inner);
            // A file may ask for padding or truncation, which belong to training.
            inner.with_padding(None);
            inner.with_truncation(None).map_err(failed)?;
            let around_nothing = inner.encode_fast("", true).map_err(failed)?;
            let bos = around_nothing.get_ids().first().copied();
            Ok(Self { inner, bos, growth, notes })
        })
    }

    /// From GPT-2's `vocab.json` and `merges.txt`, and `tokenizer_config.json` where there is one.
    ///
    /// # Errors
    /// Files that cannot be read as such, or the configuration of another kind of tokenizer.
    pub fn from_bpe(vocabulary: &[u8], merges: &str, config: Option<&[u8]>) -> Result<Self, ModelError> {
        let (inner, bos) = guarded(|| bpe::read(vocabulary, merges, config))?;
        Ok(Self { inner, bos, growth: Growth::USUAL, notes: Vec::new() })
    }

    /// From the vocabulary in a GGUF file.
    ///
    /// # Errors
    /// Metadata that is missing or malformed, or a kind of tokenizer that is not covered.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ModelError> {
        let (inner, bos) = guarded(|| gguf::read(gguf))?;
        Ok(Self { inner, bos, growth: Growth::USUAL, notes: Vec::new() })
    }

    /// What a reader of results has to know about how the tokenizer was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A text's tokens alone.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.growth.check(text)?;
        guarded(|| Ok(self.inner.encode_fast(text, false).map_err(failed)?.get_ids().to_vec()))
    }

    /// A text's tokens alone, each with the part of the text that it stands for.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn pieces(&self, text: &str) -> Result<Vec<Piece>, ModelError> {
        self.growth.check(text)?;
        let encoding = guarded(|| self.inner.encode(text, false).map_err(failed))?;
        let pieces = encoding.get_ids().iter().zip(encoding.get_offsets());
        // Several tokens may share a character that takes several bytes; each of them is shown with the whole of it.
        let text = |&(start, end): &(usize, usize)| text.get(start..end).unwrap_or("\u{fffd}").to_owned();
        Ok(pieces.map(|(id, offsets)| Piece { id: *id, text: text(offsets) }).collect())
    }

    /// A text's tokens with those that the model expects around a text, such as a token for its beginning.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.growth.check(text)?;
        if self.inner.get_post_processor().is_some() {
            return guarded(|| Ok(self.inner.encode_fast(text, true).map_err(failed)?.get_ids().to_vec()));
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
