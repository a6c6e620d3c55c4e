//! How transformers reads `tokenizer.json` with the `tokenizer_config.json` beside it, where the two say different things
//! about what stands before a text.
//!
//! Versions 4 and 5 differ, and within a version the classes do: some take a setting from the configuration, some from
//! `tokenizer.json`, and some make parts of the tokenizer anew. Where both versions come to the same it is followed; where
//! they do not, `tokenizer.json` is, with a note. Read in the sources of 4.57.6 and 5.24, and held to them by
//! `tests/tokenizers.rs`.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{NormalizerWrapper, Tokenizer};

use super::config::{Config, NAME};
use super::failure::failed;
use super::prefix_blank::begins_with_blank;
use crate::model::ModelError;

/// SentencePiece's sign for a blank.
const BLANK: char = '\u{2581}';

/// What the two versions do.
struct Readings<T> {
    four: T,
    five: T,
}

impl<T: PartialEq> Readings<T> {
    /// What both do.
    fn agreed(&self) -> Option<&T> {
        (self.four == self.five).then_some(&self.four)
    }
}

/// Gives `tokenizer` and `before`, the tokens before every text, what both versions of transformers read; the notes say
/// where they differ.
///
/// # Errors
/// [`ModelError::Tokenizer`] of the tokenizer library.
pub(super) fn reconcile(
    tokenizer: &mut Tokenizer,
    before: &mut Vec<u32>,
    config: &Config,
) -> Result<Vec<String>, ModelError> {
    let blank = reconcile_blank(tokenizer, config)?;
    let beginning = reconcile_beginning(tokenizer, before, config);
    Ok(blank.into_iter().chain(beginning).collect())
}

/// The tokens that stand before a text.
#[derive(Clone, PartialEq)]
enum Beginning {
    Tokens(Vec<u32>),
    /// The token for the beginning of a text, where the vocabulary does not have it.
    Missing(String),
}

impl Beginning {
    fn described(&self) -> String {
        match self {
            Self::Missing(token) => format!("`{token}`, not in the vocabulary,"),
            Self::Tokens(ids) => match ids.as_slice() {
                [] => "no token".into(),
                [id] => format!("token {id}"),
                ids => format!("tokens {}", ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")),
            },
        }
    }
}

fn reconcile_beginning(tokenizer: &Tokenizer, before: &mut Vec<u32>, config: &Config) -> Option<String> {
    let in_file = Beginning::Tokens(before.clone());
    let readings = beginnings(tokenizer, &in_file, config)?;
    match readings.agreed() {
        Some(Beginning::Tokens(ids)) => {
            before.clone_from(ids);
            None
        }
        _ => {
            let [four, five, kept] = [&readings.four, &readings.five, &in_file].map(Beginning::described);
            let said = said(config, "add_bos_token", config.add_bos_token);
            Some(format!(
                "{said} differs from `tokenizer.json`: transformers 4 puts {four} before a text, transformers 5 {five}; \
                 taken as in `tokenizer.json`: {kept}"
            ))
        }
    }
}

/// What the versions put before a text; `None` where the configuration has no say in it.
fn beginnings(tokenizer: &Tokenizer, in_file: &Beginning, config: &Config) -> Option<Readings<Beginning>> {
    let of_token = |wanted: bool, by_default: &str| {
        let token = match &config.bos_token {
            Some(Some(token)) => token.text(),
            // Version 4 ends with an error here, so it has no reading of its own.
            Some(None) if wanted => return in_file.clone(),
            _ => by_default,
        };
        match tokenizer.token_to_id(token) {
            _ if !wanted => Beginning::Tokens(Vec::new()),
            Some(id) => Beginning::Tokens(vec![id]),
            None => Beginning::Missing(token.to_owned()),
        }
    };
    let by_config = |absent: bool, token: &str| {
        let wanted = config.add_bos_token.map_or(absent, |told| told.unwrap_or(false));
        of_token(wanted, token)
    };
    let five_by_file = |four: Beginning| Some(Readings { four, five: in_file.clone() });
    match config.base_class() {
        Some("LlamaTokenizer") => five_by_file(by_config(true, "<s>")),
        Some("GemmaTokenizer") => five_by_file(by_config(true, "<bos>")),
        Some("CohereTokenizer") => five_by_file(by_config(true, "<BOS_TOKEN>")),
        Some("CodeLlamaTokenizer") => Some(Readings { four: by_config(true, "<s>"), five: of_token(true, "<s>") }),
        // Version 5 drops the setting where there is a `tokenizer.json`, and makes the template anew without it.
        Some("GPTNeoXTokenizer") => {
            Some(Readings { four: by_config(false, "<|endoftext|>"), five: Beginning::Tokens(Vec::new()) })
        }
        // The class then follows from the model's family: version 4 goes by the setting for LLaMA's and GPT-NeoX.
        None => config.add_bos_token.and_then(|_| five_by_file(by_config(false, "<s>"))),
        Some(_) => None,
    }
}

/// Where a tokenizer has its rule for a blank before a text.
enum BlankRule {
    /// The whole pre-tokenizer is byte-level.
    ByteLevel(ByteLevel),
    /// The pre-tokenizer has other parts beside a byte-level one; whether that one puts a blank.
    InSequence(bool),
    /// SentencePiece's sign for a blank, by a normalizer or a pre-tokenizer.
    Pieces,
}

fn blank_rule(tokenizer: &Tokenizer) -> BlankRule {
    match tokenizer.get_pre_tokenizer() {
        Some(PreTokenizerWrapper::ByteLevel(byte_level)) => BlankRule::ByteLevel(*byte_level),
        Some(PreTokenizerWrapper::Sequence(parts)) => {
            let byte_level = parts.as_ref().iter().find_map(|part| match part {
                PreTokenizerWrapper::ByteLevel(byte_level) => Some(byte_level.add_prefix_space),
                _ => None,
            });
            byte_level.map_or(BlankRule::Pieces, BlankRule::InSequence)
        }
        _ => BlankRule::Pieces,
    }
}

fn reconcile_blank(tokenizer: &mut Tokenizer, config: &Config) -> Result<Option<String>, ModelError> {
    let rule = blank_rule(tokenizer);
    let in_file = match &rule {
        BlankRule::ByteLevel(byte_level) => byte_level.add_prefix_space,
        BlankRule::InSequence(add_prefix_space) => *add_prefix_space,
        BlankRule::Pieces => begins_with_blank(tokenizer),
    };
    let readings = blanks(&rule, in_file, config);
    match (readings.agreed(), rule) {
        (Some(agreed), _) if *agreed == in_file => {}
        (Some(agreed), BlankRule::ByteLevel(byte_level)) => {
            tokenizer.with_pre_tokenizer(Some(byte_level.add_prefix_space(*agreed)));
        }
        (Some(agreed), BlankRule::InSequence(_)) => {
            if let Some(PreTokenizerWrapper::Sequence(parts)) = tokenizer.get_pre_tokenizer() {
                let changed = |part: &PreTokenizerWrapper| match part {
                    PreTokenizerWrapper::ByteLevel(byte_level) => byte_level.add_prefix_space(*agreed).into(),
                    part => part.clone(),
                };
                let parts = Sequence::new(parts.as_ref().iter().map(changed).collect());
                tokenizer.with_pre_tokenizer(Some(parts));
            }
        }
        (Some(agreed), BlankRule::Pieces) if tokenizer.token_to_id(&BLANK.to_string()).is_some() => {
            // As version 5 makes it; 4 makes the same of `tokenizer.model`.
            let scheme = if *agreed { PrependScheme::First } else { PrependScheme::Never };
            tokenizer.with_normalizer(None::<NormalizerWrapper>).map_err(failed)?;
            tokenizer.with_pre_tokenizer(Some(Metaspace::new(BLANK, scheme, false)));
        }
        _ => {
            let [four, five, kept] = [readings.four, readings.five, in_file].map(|blank| match blank {
                true => "a blank",
                false => "no blank",
            });
            let said = said(config, "add_prefix_space", config.add_prefix_space);
            return Ok(Some(format!(
                "{said} differs from `tokenizer.json`: transformers 4 puts {four} before a text, transformers 5 {five}; \
                 taken as in `tokenizer.json`: {kept}"
            )));
        }
    }
    Ok(None)
}

/// Whether the versions put a blank before a text.
fn blanks(rule: &BlankRule, in_file: bool, config: &Config) -> Readings<bool> {
    // Null makes version 4 leave the pre-tokenizer as it is, and is an error in 5.
    let by_config = |absent: bool| config.add_prefix_space.map_or(absent, |told| told.unwrap_or(in_file));
    let read = |four: bool, five: bool| Readings { four, five };
    match (config.base_class(), rule) {
        (Some("LlamaTokenizer"), BlankRule::Pieces) => {
            let five = config.add_prefix_space.flatten().unwrap_or(true);
            read(by_config(in_file), five)
        }
        (_, BlankRule::Pieces) => read(in_file, in_file),
        (Some("LlamaTokenizer"), _) => read(by_config(in_file), in_file),
        // Classes whose pre-tokenizer version 5 makes anew.
        (
            Some("GPT2Tokenizer" | "GPTNeoXTokenizer" | "CodeGenTokenizer" | "Qwen2Tokenizer" | "CohereTokenizer"),
            BlankRule::ByteLevel(_),
        ) => read(by_config(false), by_config(false)),
        (
            Some("GPT2Tokenizer" | "GPTNeoXTokenizer" | "CodeGenTokenizer" | "Qwen2Tokenizer"),
            BlankRule::InSequence(_),
        ) => read(in_file, by_config(false)),
        (Some("CohereTokenizer"), BlankRule::InSequence(_)) => read(in_file || by_config(false), by_config(false)),
        (_, BlankRule::ByteLevel(_)) => read(by_config(false), in_file),
        (Some("BloomTokenizer"), BlankRule::InSequence(_)) => read(in_file || by_config(false), in_file),
        (_, BlankRule::InSequence(_)) => read(in_file, in_file),
    }
}

/// The file with what it says of a setting, and the class that reads it.
fn said(config: &Config, key: &str, told: Option<Option<bool>>) -> String {
    let class = config.class().map_or_else(|| "no `tokenizer_class`".into(), |class| format!("`{class}`"));
    match told {
        None => format!("`{NAME}` ({class}, no `{key}`)"),
        Some(None) => format!("`{NAME}` ({class}, `{key}` = null)"),
        Some(Some(told)) => format!("`{NAME}` ({class}, `{key}` = {told})"),
    }
}
