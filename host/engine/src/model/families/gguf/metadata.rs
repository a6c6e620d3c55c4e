//! Which keys of a GGUF file's metadata are known. A key that changes what a model computes and that is passed over makes
//! every number silently wrong, so what is not listed here is refused by name.

use super::super::super::ModelError;
use super::super::super::weights::{Gguf, GgufValue as Value};
use super::super::family::UnknownSettings;

/// Keys after the architecture's name that [`read`](super::read) reads, or of which it checks that they say nothing new.
const READ: &[&str] = &[
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.type",
    "tensor_data_layout",
    "vocab_size",
];

/// Such keys that change nothing here: of the frequencies' scaling only for types that are refused, and of a mixture of
/// experts, which is refused by `expert_count`.
const HARMLESS: &[&str] = &["expert_used_count", "rope.scaling.finetuned", "rope.scaling.original_context_length"];

/// Such keys with the values that say: as in the models that this host runs.
const NEUTRAL: &[(&str, &[Neutral])] = &[
    ("attention.causal", &[Neutral::Truth(true)]),
    ("attention.clamp_kqv", &[Neutral::Number(0.0)]),
    ("attention.max_alibi_bias", &[Neutral::Number(0.0)]),
    ("attention.output_scale", &[Neutral::Number(0.0), Neutral::Number(1.0)]),
    ("attention.shared_kv_layers", &[Neutral::Number(0.0)]),
    ("attn_logit_softcapping", &[Neutral::Number(0.0)]),
    ("embedding_scale", &[Neutral::Number(0.0), Neutral::Number(1.0)]),
    ("expert_shared_count", &[Neutral::Number(0.0)]),
    ("final_logit_softcapping", &[Neutral::Number(0.0)]),
    ("leading_dense_block_count", &[Neutral::Number(0.0)]),
    ("logit_scale", &[Neutral::Number(0.0), Neutral::Number(1.0)]),
    ("nextn_predict_layers", &[Neutral::Number(0.0)]),
    ("pooling_type", &[Neutral::Number(0.0)]),
    ("residual_scale", &[Neutral::Number(0.0), Neutral::Number(1.0)]),
    ("rope.scaling.alpha", &[Neutral::Number(0.0), Neutral::Number(1.0)]),
    ("rope.scaling.attn_factor", &[Neutral::Number(1.0)]),
    ("rope.scaling.yarn_attn_factor", &[Neutral::Number(1.0)]),
    ("rope.scaling.yarn_ext_factor", &[Neutral::Number(0.0)]),
    ("rope.scaling.yarn_log_multiplier", &[Neutral::Number(0.0)]),
    ("router_logit_softcapping", &[Neutral::Number(0.0)]),
    ("swin_norm", &[Neutral::Truth(false)]),
    ("use_parallel_residual", &[Neutral::Truth(false)]),
];

/// Beginnings of keys of any architecture that describe the file: its origin, its parts, how it was quantized.
const DESCRIPTIONS: &[&str] =
    &["general.", "imatrix.", "mradermacher.", "quantize.", "split.", "tokenizer.chat_template"];

/// Keys of the tokenizer, whose reader looks at all that change token ids. The others name tokens by what they are for.
const TOKENIZER: &[&str] = &[
    "tokenizer.ggml.add_bos_token",
    "tokenizer.ggml.add_eos_token",
    "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.added_tokens",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.cls_token_id",
    "tokenizer.ggml.eog_token_ids",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eos_token_ids",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.fim_mid_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_pre_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
    "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.mask_token_id",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.middle_token_id",
    "tokenizer.ggml.model",
    "tokenizer.ggml.normalizer.lowercase",
    "tokenizer.ggml.normalizer.strip_accents",
    "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.precompiled_charsmap",
    "tokenizer.ggml.prefix_token_id",
    "tokenizer.ggml.remove_extra_whitespaces",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.separator_token_id",
    "tokenizer.ggml.seperator_token_id",
    "tokenizer.ggml.suffix_token_id",
    "tokenizer.ggml.suppress_tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.token_type_count",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.unknown_token_id",
    "tokenizer.huggingface.json",
    "tokenizer.rwkv.world",
];

/// A value that says nothing new.
#[derive(Clone, Copy)]
enum Neutral {
    Number(f64),
    Truth(bool),
}

impl Neutral {
    fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number(neutral), Value::Real(number)) => neutral == *number,
            (Self::Number(neutral), Value::Integer(number)) => neutral == *number as f64,
            (Self::Truth(neutral), Value::Bool(truth)) => neutral == *truth,
            _ => false,
        }
    }
}

impl std::fmt::Display for Neutral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

/// Looks at every key. Gives a note on those that are passed over, if any.
///
/// # Errors
/// A key that is not known, if such are to be refused; a known one with a value that the decoder does not cover.
pub(super) fn check(
    file: &str,
    architecture: &str,
    gguf: &Gguf,
    unknown: UnknownSettings,
) -> Result<Option<String>, ModelError> {
    check_kind(gguf)?;
    let mut strange = Vec::new();
    for key in gguf.keys() {
        let Some(value) = gguf.get(key) else { continue };
        let name = key.strip_prefix(architecture).and_then(|rest| rest.strip_prefix('.'));
        let known = match name {
            Some(name) => READ.contains(&name) || HARMLESS.contains(&name) || is_neutral(key, name, value)?,
            None => TOKENIZER.contains(&key) || DESCRIPTIONS.iter().any(|beginning| key.starts_with(beginning)),
        };
        if !known {
            strange.push(format!("`{key}` = {value}"));
        }
    }
    unknown.judge(file, strange)
}

/// Whether a key is one of those with a neutral value, and has it.
fn is_neutral(key: &str, name: &str, value: &Value) -> Result<bool, ModelError> {
    let Some((_, neutral)) = NEUTRAL.iter().find(|(known, _)| *known == name) else { return Ok(false) };
    if neutral.iter().any(|neutral| neutral.is(value)) {
        return Ok(true);
    }
    let expected: Vec<String> = neutral.iter().map(Neutral::to_string).collect();
    Err(ModelError::unsupported(key, value, format!("expected {}", expected.join(" or "))))
}

/// What the file holds: a language model, and not what is made for one.
fn check_kind(gguf: &Gguf) -> Result<(), ModelError> {
    match gguf.get("general.type") {
        None => {}
        Some(Value::Text(kind)) if kind == "model" => {}
        Some(other) => {
            let expected = "expected `model`: this file is no language model, but is made for one";
            return Err(ModelError::unsupported("general.type", other, expected));
        }
    }
    match gguf.get("general.quantization_version") {
        None | Some(Value::Integer(0 | 2)) => Ok(()),
        Some(other) => {
            let expected = "expected 2, the version of ggml's block formats; quantize the model again";
            Err(ModelError::unsupported("general.quantization_version", other, expected))
        }
    }
}
