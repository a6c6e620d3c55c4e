//! Tokenizers from the files that preceded `tokenizer.json`: GPT-2's byte-level BPE as `vocab.json` and `merges.txt`.
//! OPT's repositories have nothing else.

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use super::config::{Config, Token};
use super::failure::failed;
use crate::model::ModelError;

/// The token that GPT-2's tokenizer has for every special purpose where its configuration names no other.
const END_OF_TEXT: &str = "<|endoftext|>";

/// A tokenizer as its files describe it.
pub(super) struct Read {
    /// What makes tokens of texts.
    pub tokenizer: Tokenizer,
    /// The token for the beginning of a text, where the configuration wants one.
    pub bos: Option<u32>,
    /// The token for a text's beginning, whether or not it is wanted, or else that for its end.
    pub boundary: Option<u32>,
}

/// Reads the files.
pub(super) fn read(vocabulary: &[u8], merges: &str, config: Option<&[u8]>) -> Result<Read, ModelError> {
    let config = config.map(Config::read).transpose()?.unwrap_or_default();
    if let Some(class) = config.class().filter(|class| !class.starts_with("GPT2Tokenizer")) {
        return Err(ModelError::Unsupported {
            key: "tokenizer_class".into(),
            value: class.into(),
            expected: "without a tokenizer.json only GPT2Tokenizer (vocab.json and merges.txt) is read; \
                       the tool that made the model can save a tokenizer.json"
                .into(),
        });
    }
    let vocabulary: Vocab =
        serde_json::from_slice(vocabulary).map_err(|error| failed(format!("vocab.json: {error}")))?;
    let merges = pairs(merges)?;
    let model = BPE::builder().vocab_and_merges(vocabulary, merges).build().map_err(failed)?;
    let mut tokenizer = Tokenizer::new(model);
    let add_prefix_space = config.add_prefix_space.flatten().unwrap_or(false);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(add_prefix_space, true, true)));
    let or_default = |token: Option<&Token>| token.map_or(END_OF_TEXT, Token::text).to_owned();
    let bos = or_default(config.bos_token.as_ref().and_then(Option::as_ref));
    let eos = or_default(config.eos_token.as_ref());
    let mut special = vec![bos.clone(), eos.clone(), or_default(config.unk_token.as_ref())];
    special.extend(config.pad_token.as_ref().map(|token| token.text().to_owned()));
    // One that the vocabulary lacks would get an id that the model has no row for.
    special.retain(|token| tokenizer.token_to_id(token).is_some());
    let special: Vec<AddedToken> = special.into_iter().map(|token| AddedToken::from(token, true)).collect();
    tokenizer.add_special_tokens(special).map_err(failed)?;
    let boundary = [&bos, &eos].into_iter().find_map(|token| tokenizer.token_to_id(token));
    let bos = match (config.add_bos_token.flatten().unwrap_or(false), tokenizer.token_to_id(&bos)) {
        (false, _) => None,
        (true, Some(id)) => Some(id),
        (true, None) => {
            return Err(failed(format!("expected the beginning-of-text token `{bos}` in the vocabulary, got none")));
        }
    };
    Ok(Read { tokenizer, bos, boundary })
}

/// The merges, most frequent first, after a line with the format's version.
fn pairs(text: &str) -> Result<Merges, ModelError> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(number, line)| !line.trim().is_empty() && (*number > 0 || !line.starts_with("#version")));
    lines
        .map(|(number, line)| match line.split_once(' ') {
            Some((left, right)) if !right.trim_end().contains(' ') => {
                Ok((left.to_owned(), right.trim_end().to_owned()))
            }
            _ => Err(failed(format!("merges.txt, line {}: expected two parts, got {line:?}", number + 1))),
        })
        .collect()
}
