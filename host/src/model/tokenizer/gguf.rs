//! Tokenizers from GGUF metadata: byte-level BPE with its merges, and SentencePiece BPE with scores.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{NFC, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::failed;
use crate::model::ModelError;
use crate::model::weights::Gguf;

/// The pattern of Llama 3's tokenizer file.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The pattern of Qwen 2's: digits stand alone.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// SentencePiece's sign for a blank.
const BLANK: &str = "\u{2581}";

/// The kinds of tokens that GGUF metadata tell apart, as far as they matter here.
mod kind {
    pub const NORMAL: usize = 1;
    pub const CONTROL: usize = 3;
    pub const USER_DEFINED: usize = 4;
}

/// The tokenizer, and the token for the beginning of a text where the model expects one.
pub fn read(gguf: &Gguf) -> Result<(Tokenizer, Option<u32>), ModelError> {
    let tokens = gguf.texts("tokenizer.ggml.tokens")?;
    let kinds = match gguf.get("tokenizer.ggml.token_type") {
        Some(_) => gguf.integers("tokenizer.ggml.token_type")?,
        None => vec![kind::NORMAL; tokens.len()],
    };
    let (mut tokenizer, bos_by_default) = match gguf.text("tokenizer.ggml.model")? {
        "gpt2" => byte_level(gguf, &tokens)?,
        "llama" => (sentence_piece(gguf, &tokens, &kinds)?, true),
        other => {
            return Err(ModelError::Unsupported {
                key: "tokenizer.ggml.model".into(),
                value: other.into(),
                expected: "gpt2 (byte-level BPE) or llama (SentencePiece) was expected; \
                           a model folder with its tokenizer.json works"
                    .into(),
            });
        }
    };
    // Control and user-defined tokens stand for themselves wherever a text has them.
    let special = tokens.iter().zip(&kinds).filter(|(_, kind)| [kind::CONTROL, kind::USER_DEFINED].contains(kind));
    let special: Vec<_> = special.map(|(token, _)| AddedToken::from((*token).to_owned(), true)).collect();
    tokenizer.add_special_tokens(special).map_err(failed)?;
    let bos = bos(gguf, tokens.len(), bos_by_default)?;
    Ok((tokenizer, bos))
}

fn vocabulary(tokens: &[&str]) -> Vocab {
    tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id as u32)).collect()
}

/// Byte-level BPE; also whether texts begin with a token where the metadata do not say.
fn byte_level(gguf: &Gguf, tokens: &[&str]) -> Result<(Tokenizer, bool), ModelError> {
    let merges = gguf
        .texts("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| match merge.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(failed(format!("the merge `{merge}` has no two parts"))),
        })
        .collect::<Result<Merges, _>>()?;
    let name = if gguf.get("tokenizer.ggml.pre").is_some() { gguf.text("tokenizer.ggml.pre")? } else { "default" };
    let gpt2 = || ByteLevel::new(false, true, true);
    let mut normalizer: Option<NormalizerWrapper> = None;
    // Llama 3 takes a piece that is a token as it is, without merging, and expects a token at the beginning.
    let mut is_llama3 = false;
    let pre_tokenizer: PreTokenizerWrapper = match name {
        "default" | "gpt-2" | "gpt2" => gpt2().into(),
        // Single digits split off, then GPT-2's pattern.
        "smollm" => Sequence::new(vec![Digits::new(true).into(), gpt2().into()]).into(),
        "llama3" | "llama-v3" | "llama-bpe" => {
            is_llama3 = true;
            pattern(LLAMA3)?
        }
        "smaug-bpe" => pattern(LLAMA3)?,
        "qwen2" => {
            normalizer = Some(NFC.into());
            pattern(QWEN2)?
        }
        other => {
            return Err(ModelError::Unsupported {
                key: "tokenizer.ggml.pre".into(),
                value: other.into(),
                expected: "one of default, gpt-2, smollm, llama-bpe, smaug-bpe, qwen2 was expected; \
                           a model folder with its tokenizer.json works"
                    .into(),
            });
        }
    };
    let model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges).ignore_merges(is_llama3).build();
    let mut tokenizer = Tokenizer::new(model.map_err(failed)?);
    tokenizer.with_normalizer(normalizer).map_err(failed)?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    Ok((tokenizer, is_llama3))
}

/// Cut by a pattern, then byte by byte into the byte-level alphabet.
fn pattern(pattern: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let split = Split::new(SplitPattern::Regex(pattern.into()), SplitDelimiterBehavior::Isolated, false);
    let split = split.map_err(failed)?;
    Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into())
}

/// SentencePiece BPE: the pair whose union scores highest merges first; what no token covers goes byte by byte.
fn sentence_piece(gguf: &Gguf, tokens: &[&str], kinds: &[usize]) -> Result<Tokenizer, ModelError> {
    let scores = gguf.numbers("tokenizer.ggml.scores")?;
    if scores.len() != tokens.len() {
        return Err(failed(format!("the vocabulary has {} tokens and {} scores", tokens.len(), scores.len())));
    }
    let ids: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
    let mut merges = Vec::new();
    for ((token, score), _) in tokens.iter().zip(&scores).zip(kinds).filter(|(_, kind)| **kind == kind::NORMAL) {
        for (split, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(split);
            if ids.contains_key(left) && ids.contains_key(right) {
                merges.push((*score, left, right));
            }
        }
    }
    // Stable, so that of equal scores the earlier token's merge comes first.
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let merges: Merges = merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect();
    let mut model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges).byte_fallback(true).fuse_unk(true);
    if gguf.get("tokenizer.ggml.unknown_token_id").is_some() {
        let unknown = gguf.integer("tokenizer.ggml.unknown_token_id")?;
        let token = tokens.get(unknown).ok_or_else(|| failed(format!("the unknown token {unknown} is not there")))?;
        model = model.unk_token((*token).to_owned());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(failed)?);
    let blanks: NormalizerWrapper = Replace::new(" ", BLANK).map_err(failed)?.into();
    // A blank before the text, unless the metadata say otherwise.
    let mut steps = Vec::new();
    if !matches!(gguf.get("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(false))) {
        steps.push(Prepend::new(BLANK.into()).into());
    }
    steps.push(blanks);
    tokenizer.with_normalizer(Some(Normalizers::new(steps))).map_err(failed)?;
    Ok(tokenizer)
}

/// The token for the beginning of a text, where texts begin with one.
fn bos(gguf: &Gguf, vocabulary: usize, by_default: bool) -> Result<Option<u32>, ModelError> {
    let wanted = match gguf.get("tokenizer.ggml.add_bos_token") {
        Some(Value::Bool(wanted)) => *wanted,
        _ => by_default,
    };
    if !wanted {
        return Ok(None);
    }
    match gguf.integer("tokenizer.ggml.bos_token_id")? {
        id if id < vocabulary => Ok(Some(id as u32)),
        id => Err(failed(format!("the beginning-of-text token {id} is outside the vocabulary of {vocabulary}"))),
    }
}
