//! How texts are cut before byte-level BPE, by the name that GGUF metadata have for it (`tokenizer.ggml.pre`).

use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::super::failure::failed;
use crate::model::ModelError;

/// A way to cut texts, and what llama.cpp and the original tokenizers do with it.
pub(super) struct PreTokenizer {
    names: &'static [&'static str],
    /// Each cuts what the ones before it have left: matches stand alone, and so does what is between them.
    patterns: &'static [&'static str],
    /// Whether a piece that is a token is taken as it is, without merging.
    pub ignore_merges: bool,
    /// Whether texts begin with a token where the metadata do not say.
    pub bos: bool,
    /// Whether texts are composed before they are cut (NFC).
    composed: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// The pattern of Llama 3's tokenizer file.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The pattern of Qwen 2's: digits stand alone.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The pattern of Mistral's tekken: words are cut where capitals follow small letters.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SEED: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";

const PLAIN: PreTokenizer =
    PreTokenizer { names: &[], patterns: &[], ignore_merges: false, bos: false, composed: false };

/// Where the metadata name none. llama.cpp cuts otherwise than GPT-2: at punctuation, and numbers by three digits.
pub(super) const DEFAULT: PreTokenizer = PreTokenizer {
    names: &["default"],
    patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    ..PLAIN
};

const ALL: &[PreTokenizer] = &[
    DEFAULT,
    PreTokenizer {
        names: &["gpt-2", "gpt2", "a.x-4.0", "mellum", "mpt", "olmo", "phi-2", "trillion"],
        patterns: &[GPT2],
        ..PLAIN
    },
    // Single digits split off, then GPT-2's pattern.
    PreTokenizer {
        names: &["smollm", "codeshell", "command-r", "exaone", "minerva-7b", "refact", "starcoder"],
        patterns: &[r"\p{N}", GPT2],
        ..PLAIN
    },
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "midm-2.0", "pixtral"],
        patterns: &[LLAMA3],
        ignore_merges: true,
        bos: true,
        ..PLAIN
    },
    PreTokenizer { names: &["smaug-bpe", "dbrx"], patterns: &[LLAMA3], ..PLAIN },
    PreTokenizer { names: &["qwen2"], patterns: &[QWEN2], composed: true, ..PLAIN },
    PreTokenizer { names: &["deepseek-r1-qwen", "megrez", "stablelm2"], patterns: &[QWEN2], ..PLAIN },
    PreTokenizer { names: &["tekken"], patterns: &[TEKKEN], ignore_merges: true, bos: true, ..PLAIN },
    PreTokenizer { names: &["seed-coder"], patterns: &[SEED], ..PLAIN },
    PreTokenizer {
        names: &["deepseek-coder"],
        patterns: &[
            "[\r\n]",
            r"\s?\p{L}+",
            r"\s?\p{P}+",
            "[\u{4e00}-\u{9fa5}\u{800}-\u{4e00}\u{ac00}-\u{d7ff}]+",
            r"\p{N}",
        ],
        ..PLAIN
    },
];

impl PreTokenizer {
    /// The one with a name.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] lists the names that are known.
    pub(super) fn named(name: &str) -> Result<&'static Self, ModelError> {
        ALL.iter().find(|known| known.names.contains(&name)).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().flat_map(|known| known.names).copied().collect();
            ModelError::Unsupported {
                key: "tokenizer.ggml.pre".into(),
                value: name.into(),
                expected: format!("expected one of {}; a model folder with its tokenizer.json works", names.join(", ")),
            }
        })
    }

    /// What is done to texts before they are cut.
    pub(super) fn normalizer(&self) -> Option<NormalizerWrapper> {
        self.composed.then(|| NFC.into())
    }

    /// The cuts, then every byte as a letter of the byte-level alphabet.
    ///
    /// # Errors
    /// A pattern that the tokenizer library does not take.
    pub(super) fn build(&self) -> Result<PreTokenizerWrapper, ModelError> {
        let cut = |pattern: &&str| {
            let pattern = SplitPattern::Regex((*pattern).into());
            Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map(PreTokenizerWrapper::from).map_err(failed)
        };
        let mut steps = self.patterns.iter().map(cut).collect::<Result<Vec<_>, _>>()?;
        steps.push(ByteLevel::new(false, true, false).into());
        Ok(Sequence::new(steps).into())
    }
}
