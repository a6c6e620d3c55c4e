//! Text to token ids, with a tokenizer file or with a GGUF file's own vocabulary.

mod bounds;
mod bpe;
mod config;
mod failure;
mod gguf;
mod prefix_blank;
mod transformers;

use bounds::Growth;
use config::Config;
use failure::{failed, guarded};
use serde::Serialize;
use tokenizers::ModelWrapper;

use super::ModelError;
use super::weights::Gguf;

/// Makes token ids of texts by a model's own rules, without those that belong to training.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What stands before every text.
    before: Vec<u32>,
    /// The token for a text's beginning that the files name, or else that for its end.
    boundary: Option<u32>,
    growth: Growth,
    notes: Vec<String>,
}

/// A token and the part of a text that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The token's id.
    pub id: u32,
    /// The part of the text.
    pub text: String,
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

/// What a tokenizer puts before a text, and the last token of what it puts behind one.
fn around(tokenizer: &tokenizers::Tokenizer) -> Result<(Vec<u32>, Option<u32>), ModelError> {
    let encode = |text: &str, with_special: bool| tokenizer.encode(text, with_special).map_err(failed);
    // A text that the vocabulary has tokens for shows which of all tokens are the text's own.
    for text in ["a", "the", "0", " ", "\n"] {
        let alone = encode(text, false)?;
        if alone.is_empty() {
            continue;
        }
        let whole = encode(text, true)?;
        let (ids, own) = (whole.get_ids(), alone.get_ids());
        if let Some(start) = ids.windows(own.len()).position(|part| part == own) {
            return Ok((ids[..start].to_vec(), ids[start + own.len()..].last().copied()));
        }
    }
    // Around no text, what is to stand before one cannot be told from what is to stand behind.
    match encode("", true)?.get_ids() {
        [] => Ok((Vec::new(), None)),
        _ => Err(failed("expected tokens for one of `a`, `the`, `0` and a blank, got none")),
    }
}

/// The note on a token that a tokenizer wants behind every text.
fn left_out(token: u32) -> String {
    format!(
        "the tokenizer puts token {token} behind a text; it is left out, since queries go on from the demonstrations"
    )
}

impl Tokenizer {
    fn new(
        inner: tokenizers::Tokenizer,
        (before, boundary): (Vec<u32>, Option<u32>),
        growth: Growth,
        mut notes: Vec<String>,
    ) -> Self {
        notes.extend(prefix_blank::note(&inner));
        Self { inner, before, boundary, growth, notes }
    }

    /// From a `tokenizer.json`, and the `tokenizer_config.json` beside it where there is one. What stands before a text, if
    /// anything, is put before demonstrations; what stands behind one is left out, since queries go on from the
    /// demonstrations.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if a file cannot be read.
    pub fn from_json(json: &[u8], config: Option<&[u8]>) -> Result<Self, ModelError> {
        let mut growth = bounds::growth(json)?;
        let config = config.map(Config::read).transpose()?;
        guarded(|| {
            let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(failed)?;
            let mut notes = without_chance(&mut inner);
            // A file may ask for padding or truncation, which belong to training.
            inner.with_padding(None);
            inner.with_truncation(None).map_err(failed)?;
            let (mut before, behind) = around(&inner)?;
            notes.extend(behind.map(left_out));
            if let Some(config) = &config {
                notes.extend(transformers::reconcile(&mut inner, &mut before, config)?);
                growth = growth.or_usual();
            }
            let boundary = config.as_ref().and_then(|config| config.boundary(&inner));
            Ok(Self::new(inner, (before, boundary), growth, notes))
        })
    }

    /// From GPT-2's `vocab.json` and `merges.txt`, and `tokenizer_config.json` where there is one.
    ///
    /// # Errors
    /// Files that cannot be read as such, or the configuration of another kind of tokenizer.
    pub fn from_bpe(vocabulary: &[u8], merges: &str, config: Option<&[u8]>) -> Result<Self, ModelError> {
        guarded(|| {
            let bpe::Read { tokenizer, bos, boundary } = bpe::read(vocabulary, merges, config)?;
            Ok(Self::new(tokenizer, (bos.into_iter().collect(), boundary), Growth::USUAL, Vec::new()))
        })
    }

    /// From the vocabulary in a GGUF file.
    ///
    /// # Errors
    /// Metadata that is missing or malformed, or a kind of tokenizer that is not covered.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ModelError> {
        guarded(|| {
            let gguf::Read { inner, bos, eos, boundary, mut notes } = gguf::read(gguf)?;
            notes.extend(eos.map(left_out));
            Ok(Self::new(inner, (bos.into_iter().collect(), boundary), Growth::USUAL, notes))
        })
    }

    /// What a reader of results has to know about how the tokenizer was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The most bytes of a text that it takes, after which its rules may make too much of it.
    pub fn most_text(&self) -> usize {
        self.growth.most_text()
    }

    /// A text's token ids, without those that stand before every text.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that is too long for the tokenizer's rules, or that they do not cover.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.growth.check(text)?;
        guarded(|| Ok(self.inner.encode_fast(text, false).map_err(failed)?.get_ids().to_vec()))
    }

    /// A text's tokens, without those that stand before every text, each with the part of the text that it stands for.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that is too long for the tokenizer's rules, or that they do not cover.
    pub fn pieces(&self, text: &str) -> Result<Vec<Piece>, ModelError> {
        self.growth.check(text)?;
        let encoding = guarded(|| self.inner.encode(text, false).map_err(failed))?;
        let pieces = encoding.get_ids().iter().zip(encoding.get_offsets());
        // Several tokens may share a character that takes several bytes; each of them is shown with the whole of it.
        let text = |&(start, end): &(usize, usize)| text.get(start..end).unwrap_or("\u{fffd}").to_owned();
        Ok(pieces.map(|(id, offsets)| Piece { id: *id, text: text(offsets) }).collect())
    }

    /// For each of a text's tokens, without those that stand before every text, the byte of the text at which what it stands for
    /// begins.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that is too long for the tokenizer's rules, or that they do not cover.
    pub fn byte_starts(&self, text: &str) -> Result<Vec<usize>, ModelError> {
        self.growth.check(text)?;
        let encoding = guarded(|| self.inner.encode(text, false).map_err(failed))?;
        Ok(encoding.get_offsets().iter().map(|(start, _)| *start).collect())
    }

    /// How many of a text's tokens, without those that stand before every text, end within its first `bytes` bytes.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that is too long for the tokenizer's rules, or that they do not cover.
    pub fn tokens_within(&self, text: &str, bytes: usize) -> Result<usize, ModelError> {
        self.growth.check(text)?;
        let encoding = guarded(|| self.inner.encode(text, false).map_err(failed))?;
        Ok(encoding.get_offsets().partition_point(|(_, end)| *end <= bytes))
    }

    /// A text's tokens behind those that the model expects before a text, such as a token for its beginning.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] for a text that is too long for the tokenizer's rules, or that they do not cover.
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut ids = self.before.clone();
        ids.extend(self.encode(text)?);
        Ok(ids)
    }

    /// How many tokens stand before every text, if the model expects any.
    pub fn special_before(&self) -> usize {
        self.before.len()
    }

    /// The largest id that a text may become.
    pub fn largest_id(&self) -> Option<u32> {
        self.inner.get_vocab(true).into_values().max()
    }

    /// The token behind which a text stands by itself, whether or not the model expects one there: [`Self::bos`], or else the
    /// token for a text's beginning that the model's files name, or else that for its end (`prefix_token_id` of
    /// lm-evaluation-harness). `None` where they name none.
    pub fn text_start(&self) -> Option<u32> {
        self.bos().or(self.boundary)
    }

    /// The token that stands before every text, if the model expects one.
    pub fn bos(&self) -> Option<u32> {
        self.before.last().copied()
    }
}
