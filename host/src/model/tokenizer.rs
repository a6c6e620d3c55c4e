//! Text to token ids, with a tokenizer file or with a GGUF file's own vocabulary.

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::ModelError;
use super::weights::Gguf;

/// The token types of GGUF metadata that stand for themselves in a text: control and user-defined tokens.
const SPECIAL_TYPES: [usize; 2] = [3, 4];

/// A model's tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: Option<u32>,
}

impl Tokenizer {
    /// From a `tokenizer.json`. What it puts around a text, if anything, is put around demonstrations.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] if the file cannot be read.
    pub fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let mut inner =
            tokenizers::Tokenizer::from_bytes(json).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        // A file may ask for padding or truncation, which belong to training.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let empty = inner.encode_fast("", true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let bos = empty.get_ids().first().copied();
        Ok(Self { inner, bos })
    }

    /// From the vocabulary in a GGUF file.
    ///
    /// # Errors
    /// Metadata that is missing or malformed, or a kind of tokenizer that is not covered.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ModelError> {
        let kind = gguf.text("tokenizer.ggml.model")?;
        if kind != "gpt2" {
            return Err(ModelError::Unsupported {
                key: "tokenizer.ggml.model".into(),
                value: kind.into(),
                expected: "gpt2 (byte-level BPE) was expected; a model folder with its tokenizer.json works".into(),
            });
        }
        let tokens = gguf.texts("tokenizer.ggml.tokens")?;
        let vocabulary: Vec<(String, u32)> =
            tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id as u32)).collect();
        let merges = gguf
            .texts("tokenizer.ggml.merges")?
            .into_iter()
            .map(|merge| match merge.split_once(' ') {
                Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
                None => Err(ModelError::Tokenizer(format!("the merge `{merge}` has no two parts"))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let bpe = BPE::builder()
            .vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
            .build()
            .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let mut inner = tokenizers::Tokenizer::new(bpe);
        inner.with_pre_tokenizer(Some(pre_tokenizer(gguf)?));
        if gguf.get("tokenizer.ggml.token_type").is_some() {
            let types = gguf.integers("tokenizer.ggml.token_type")?;
            let special = tokens.iter().zip(types).filter(|(_, kind)| SPECIAL_TYPES.contains(kind));
            inner
                .add_special_tokens(special.map(|(token, _)| AddedToken::from((*token).to_owned(), true)))
                .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        }
        Ok(Self { inner, bos: bos(gguf, tokens.len())? })
    }

    /// A text's tokens alone.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// A text's tokens with those that the model expects around a text, such as a token for its beginning.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        if self.inner.get_post_processor().is_some() {
            let encoding =
                self.inner.encode_fast(text, true).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
            return Ok(encoding.get_ids().to_vec());
        }
        let mut ids: Vec<u32> = self.bos.into_iter().collect();
        ids.extend(self.encode(text)?);
        Ok(ids)
    }

    /// The token that stands before every text, if the model expects one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The text of some tokens, special ones included.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.inner.decode(ids, false).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }
}

/// The token for the beginning of a text, where the metadata say that texts begin with it.
fn bos(gguf: &Gguf, vocabulary: usize) -> Result<Option<u32>, ModelError> {
    use candle_core::quantized::gguf_file::Value;
    // llama.cpp's default for a byte-level vocabulary that does not say.
    let wanted = matches!(gguf.get("tokenizer.ggml.add_bos_token"), Some(Value::Bool(true)));
    if !wanted {
        return Ok(None);
    }
    match gguf.integer("tokenizer.ggml.bos_token_id")? {
        id if id < vocabulary => Ok(Some(id as u32)),
        id => Err(ModelError::Tokenizer(format!(
            "the beginning-of-text token {id} is outside the vocabulary of {vocabulary}"
        ))),
    }
}

/// How a text is cut before merging, by the name that llama.cpp gives the pattern.
fn pre_tokenizer(gguf: &Gguf) -> Result<PreTokenizerWrapper, ModelError> {
    let gpt2 = || ByteLevel::new(false, true, true);
    let name = if gguf.get("tokenizer.ggml.pre").is_some() { gguf.text("tokenizer.ggml.pre")? } else { "default" };
    match name {
        "default" | "gpt-2" | "gpt2" => Ok(gpt2().into()),
        // Single digits split off, then GPT-2's pattern.
        "smollm" => Ok(Sequence::new(vec![Digits::new(true).into(), gpt2().into()]).into()),
        "llama3" | "llama-v3" | "llama-bpe" | "smaug-bpe" => pattern(LLAMA3),
        other => Err(ModelError::Unsupported {
            key: "tokenizer.ggml.pre".into(),
            value: other.into(),
            expected:
                "one of default, gpt-2, smollm, llama-bpe was expected; a model folder with its tokenizer.json works"
                    .into(),
        }),
    }
}

/// The pattern of Llama 3's tokenizer file.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

fn pattern(pattern: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let split = Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false)
        .map_err(|error| ModelError::Tokenizer(error.to_string()))?;
    Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into())
}
