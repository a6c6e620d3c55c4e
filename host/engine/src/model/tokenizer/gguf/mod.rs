//! Tokenizers from GGUF metadata: byte-level BPE with its merges, and SentencePiece BPE with scores.

mod pre_tokenizer;

use std::collections::{HashMap, HashSet};

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{Prepend, Replace, Sequence as Normalizers};
use tokenizers::{AddedToken, NormalizerWrapper, Tokenizer};

use self::pre_tokenizer::PreTokenizer;
use super::failure::failed;
use crate::model::ModelError;
use crate::model::weights::{Gguf, GgufValue as Value};

/// The metadata key for the scores of SentencePiece's pieces.
const SCORES: &str = "tokenizer.ggml.scores";

/// SentencePiece's sign for a blank.
const BLANK: &str = "\u{2581}";

/// The kinds of tokens that GGUF metadata tell apart, as far as they matter here.
mod kind {
    pub(super) const NORMAL: usize = 1;
    pub(super) const UNKNOWN: usize = 2;
    pub(super) const CONTROL: usize = 3;
    pub(super) const USER_DEFINED: usize = 4;
}

/// Tokens that end a text or a turn. llama.cpp takes them for control tokens whatever the file says of their kind.
const ENDS: [&str; 16] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];

/// A tokenizer as the metadata describe it.
pub(super) struct Read {
    /// What makes tokens of texts.
    pub inner: Tokenizer,
    /// The token for the beginning of a text, where texts begin with one.
    pub bos: Option<u32>,
    /// The token for the end of a text, where texts end with one.
    pub eos: Option<u32>,
    /// The token for a text's beginning, whether or not texts begin with it, or else that for its end.
    pub boundary: Option<u32>,
    /// What a reader of results has to know.
    pub notes: Vec<String>,
}

/// A model of tokens, and what goes with it.
struct Model {
    tokenizer: Tokenizer,
    /// Whether texts begin with a token where the metadata do not say.
    bos_by_default: bool,
    /// The token for it where the metadata do not say.
    bos_id: Option<usize>,
    notes: Vec<String>,
}

/// Reads the tokenizer in a file's metadata.
pub(super) fn read(gguf: &Gguf) -> Result<Read, ModelError> {
    let tokens = tokens(gguf)?;
    let kinds = match gguf.get("tokenizer.ggml.token_type") {
        Some(_) => gguf.integers("tokenizer.ggml.token_type")?,
        None => vec![kind::NORMAL; tokens.len()],
    };
    if kinds.len() < tokens.len() {
        return Err(failed(format!("expected the types of {} tokens, got {}", tokens.len(), kinds.len())));
    }
    check_neutral(gguf)?;
    let Model { tokenizer: mut inner, bos_by_default, bos_id, notes } = match gguf.text("tokenizer.ggml.model")? {
        "gpt2" => byte_level(gguf, &tokens)?,
        "llama" => sentence_piece(gguf, &tokens, &kinds)?,
        other => {
            return Err(ModelError::Unsupported {
                key: "tokenizer.ggml.model".into(),
                value: other.into(),
                expected: "expected gpt2 (byte-level BPE) or llama (SentencePiece); \
                           a model folder with its tokenizer.json works"
                    .into(),
            });
        }
    };
    // Control and user-defined tokens stand for themselves wherever a text has them, and so does the unknown token.
    let is_special = |token: &str, kind: usize| {
        [kind::UNKNOWN, kind::CONTROL, kind::USER_DEFINED].contains(&kind) || ENDS.contains(&token)
    };
    let special = tokens.iter().zip(&kinds).filter(|(token, kind)| is_special(token, **kind));
    let special: Vec<_> = special.map(|(token, _)| AddedToken::from(token.clone(), true)).collect();
    inner.add_special_tokens(special).map_err(failed)?;
    let around = |wanted: &str, by_default: bool, id: &str, or: Option<usize>| match gguf.truth(wanted)? {
        Some(false) => Ok(None),
        None if !by_default => Ok(None),
        _ => token_id(gguf, id, or, tokens.len()).map(Some),
    };
    // One that no text needs may be missing or wrong.
    let named = |key: &str, or: Option<usize>| token_id(gguf, key, or, tokens.len()).ok();
    let boundary = named("tokenizer.ggml.bos_token_id", bos_id).or_else(|| named("tokenizer.ggml.eos_token_id", None));
    Ok(Read {
        boundary,
        bos: around("tokenizer.ggml.add_bos_token", bos_by_default, "tokenizer.ggml.bos_token_id", bos_id)?,
        eos: around("tokenizer.ggml.add_eos_token", false, "tokenizer.ggml.eos_token_id", None)?,
        inner,
        notes,
    })
}

/// The vocabulary, each token once. An empty one gets the name that llama.cpp has for it.
fn tokens(gguf: &Gguf) -> Result<Vec<String>, ModelError> {
    let tokens = gguf.texts("tokenizer.ggml.tokens")?;
    let mut ids = HashMap::new();
    for (id, token) in tokens.iter().enumerate().filter(|(_, token)| !token.is_empty()) {
        if let Some(first) = ids.insert(token, id) {
            return Err(failed(format!("duplicate token `{token}`: {first} and {id}")));
        }
    }
    let name = |(id, token): (usize, &&str)| if token.is_empty() { format!("[EMPTY_{id}]") } else { (*token).into() };
    Ok(tokens.iter().enumerate().map(name).collect())
}

/// Refuses what changes token ids in tokenizers of other kinds, and what no known file of these kinds asks for.
fn check_neutral(gguf: &Gguf) -> Result<(), ModelError> {
    let refused = |key: &str, value: String, expected: &str| {
        Err(ModelError::Unsupported { key: key.into(), value, expected: format!("expected {expected}") })
    };
    for key in ["add_sep_token", "remove_extra_whitespaces", "normalizer.lowercase", "normalizer.strip_accents"] {
        let key = format!("tokenizer.ggml.{key}");
        if gguf.truth(&key)? == Some(true) {
            return refused(&key, "true".into(), "false");
        }
    }
    let map = "tokenizer.ggml.precompiled_charsmap";
    match gguf.get(map) {
        Some(Value::List(bytes)) if !bytes.is_empty() => refused(map, format!("{} bytes", bytes.len()), "none"),
        _ => Ok(()),
    }
}

fn vocabulary(tokens: &[String]) -> Vocab {
    tokens.iter().enumerate().map(|(id, token)| (token.clone(), id as u32)).collect()
}

fn byte_level(gguf: &Gguf, tokens: &[String]) -> Result<Model, ModelError> {
    let merges = gguf
        .texts("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| match merge.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(failed(format!("expected a merge of two parts, got `{merge}`"))),
        })
        .collect::<Result<Merges, _>>()?;
    let prefix = "tokenizer.ggml.add_space_prefix";
    if gguf.truth(prefix)? == Some(true) {
        let expected = "expected false for a tokenizer of kind gpt2".into();
        return Err(ModelError::Unsupported { key: prefix.into(), value: "true".into(), expected });
    }
    let mut notes = Vec::new();
    let pre_tokenizer = if gguf.get("tokenizer.ggml.pre").is_some() {
        PreTokenizer::named(gguf.text("tokenizer.ggml.pre")?)?
    } else {
        notes.push(
            "the model's file does not say how texts are cut into tokens (`tokenizer.ggml.pre`): they are cut by \
             llama.cpp's default, which may not be how the model was trained; a newer file of the model may say"
                .into(),
        );
        &pre_tokenizer::DEFAULT
    };
    let model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges);
    let model = model.ignore_merges(pre_tokenizer.ignore_merges).build();
    let mut tokenizer = Tokenizer::new(model.map_err(failed)?);
    tokenizer.with_normalizer(pre_tokenizer.normalizer()).map_err(failed)?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer.build()?));
    Ok(Model { tokenizer, bos_by_default: pre_tokenizer.bos, bos_id: None, notes })
}

/// SentencePiece BPE: the pair whose union scores highest merges first; what no token covers goes byte by byte.
fn sentence_piece(gguf: &Gguf, tokens: &[String], kinds: &[usize]) -> Result<Model, ModelError> {
    let scores = gguf.numbers(SCORES)?;
    if scores.len() != tokens.len() {
        return Err(failed(format!(
            "`{SCORES}`: expected {} scores, one for each token, got {}",
            tokens.len(),
            scores.len()
        )));
    }
    if let Some(id) = scores.iter().position(|score| !score.is_finite()) {
        let (token, score) = (&tokens[id], scores[id]);
        return Err(failed(format!(
            "`{SCORES}`: expected a finite score for each token, got {score} for token {id}, `{token}`"
        )));
    }
    let ids: HashMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
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
    let notes = equal_scores(&merges).into_iter().collect();
    let merges: Merges = merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect();
    let mut model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges).byte_fallback(true).fuse_unk(true);
    if gguf.get("tokenizer.ggml.unknown_token_id").is_some() {
        let unknown = gguf.integer("tokenizer.ggml.unknown_token_id")?;
        let token = tokens
            .get(unknown)
            .ok_or_else(|| failed(format!("expected an unknown token below {}, got {unknown}", tokens.len())))?;
        model = model.unk_token(token.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(failed)?);
    let blanks: NormalizerWrapper = Replace::new(" ", BLANK).map_err(failed)?.into();
    // A blank before the text, unless the metadata say otherwise.
    let mut steps = Vec::new();
    if gguf.truth("tokenizer.ggml.add_space_prefix")? != Some(false) {
        steps.push(Prepend::new(BLANK.into()).into());
    }
    steps.push(blanks);
    tokenizer.with_normalizer(Some(Normalizers::new(steps))).map_err(failed)?;
    // What llama.cpp takes where a file does not say.
    Ok(Model { tokenizer, bos_by_default: true, bos_id: Some(1), notes })
}

/// The note on scores that do not tell one merge from another; `merges` are sorted by their scores. The splits of one token
/// have its score between them, and are no others.
fn equal_scores(merges: &[(f32, &str, &str)]) -> Option<String> {
    let token = |merge: &(f32, &str, &str)| [merge.1, merge.2].concat();
    let all = merges.chunk_by(|a, b| a.0 == b.0 && token(a) == token(b)).count();
    let shared = merges.chunk_by(|a, b| a.0 == b.0).map(|equal| {
        let tokens: HashSet<String> = equal.iter().map(token).collect();
        if tokens.len() > 1 { tokens.len() } else { 0 }
    });
    let shared: usize = shared.sum();
    let count = if shared == all { "all".into() } else { shared.to_string() };
    (shared > 0).then(|| {
        format!(
            "pieces are put together by their scores (`{SCORES}`), and {count} of the vocabulary's {all} longer pieces have \
             one that others have too: of those the first in the vocabulary is taken, where llama.cpp takes the leftmost in \
             the text"
        )
    })
}

/// A token that is put around texts.
fn token_id(gguf: &Gguf, key: &str, or: Option<usize>, vocabulary: usize) -> Result<u32, ModelError> {
    let id = match (gguf.get(key), or) {
        (None, Some(id)) => id,
        _ => gguf.integer(key)?,
    };
    match u32::try_from(id) {
        Ok(token) if id < vocabulary => Ok(token),
        _ => Err(failed(format!("`{key}`: expected a token below {vocabulary}, got {id}"))),
    }
}
