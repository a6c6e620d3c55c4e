//! A checkpoint against its description, by the headers alone: what is missing, and what the model does not use.

use std::collections::{BTreeMap, BTreeSet};

use super::ModelError;
use super::decoder::tensors::DecoderTensors;
use super::families::Family;
use super::weights::{Prefixed, TensorSource};

/// The most names that a message has for each kind of tensor.
const NAMED: usize = 2;

/// A tensor of a checkpoint that the model does not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The tensor's name in the file.
    pub name: String,
    /// What it is taken for.
    pub kind: &'static str,
    /// Whether the model computes the same with it and without it.
    pub harmless: bool,
}

/// Checks all that the files' headers show.
///
/// # Errors
/// A tensor that is missing, misshapen or in a number format that is not read.
pub fn check(family: &Family, source: &dyn TensorSource) -> Result<Vec<Unused>, ModelError> {
    let source = &Prefixed::new(source, family.layout.prefix);
    let tensors = DecoderTensors::new(&family.config, &family.layout, source)?;
    let used: BTreeSet<String> = tensors.all().into_iter().flat_map(|tensor| source.made_of(tensor.name())).collect();
    let layers = family.config.layers.len();
    let unused = source.names().into_iter().filter(|name| !used.contains(*name)).map(|name| {
        let (kind, harmless) = kind(name, source.shape(name).unwrap_or_default(), layers, family.fp8.is_some());
        Unused { name: name.into(), kind, harmless }
    });
    let mut unused: Vec<Unused> = unused.collect();
    unused.sort_by(|a, b| a.name.cmp(&b.name));
    match tensors.check(source) {
        Ok(()) => Ok(unused),
        // Weights that are stored in another way explain why they are missed.
        Err(ModelError::MissingTensor { .. }) if unused.iter().any(|unused| INSTEAD.contains(&unused.kind)) => {
            if let Some(packed) = unused.iter().find(|unused| unused.kind == PACKED) {
                let method = "a method that `config.json` does not name".into();
                return Err(ModelError::Quantized { file: source.file().into(), key: packed.name.clone(), method });
            }
            Err(refusal(&unused, source.file()))
        }
        Err(ModelError::MissingTensor { name, file }) => {
            let names = source.names();
            Err(match wrapper(&names, &name, family.layout.prefix) {
                Some(wrapper) => ModelError::Wrapped { file, wrapper: wrapper.into(), name },
                None => ModelError::MissingTensor { name, file },
            })
        }
        Err(error) => Err(error),
    }
}

/// What all names begin with, where a missing tensor is there behind it.
fn wrapper<'a>(names: &[&'a str], missing: &str, prefix: &str) -> Option<&'a str> {
    let spellings = [Some(missing), missing.strip_prefix(prefix)];
    // What all begin with is what the shortest that the missing tensor could be has before it.
    let mut wrappers = spellings.into_iter().flatten().filter_map(|spelling| {
        let before =
            names.iter().filter_map(|name| name.strip_suffix(spelling).filter(|wrapper| wrapper.ends_with('.')));
        before.min_by_key(|wrapper| wrapper.len())
    });
    wrappers.find(|wrapper| names.iter().all(|name| name.starts_with(wrapper)))
}

/// The error for tensors that may change what the model computes.
pub fn refusal(unused: &[Unused], file: &str) -> ModelError {
    let count = match unused.iter().filter(|unused| !unused.harmless).count() {
        1 => "1 tensor".into(),
        count => format!("{count} tensors"),
    };
    ModelError::UnusedTensors { file: file.into(), count, named: named(unused, false) }
}

/// Tensors by kind, either those that change nothing or those that may; empty where there are none.
pub fn named(unused: &[Unused], harmless: bool) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unused in unused.iter().filter(|unused| unused.harmless == harmless) {
        kinds.entry(unused.kind).or_default().push(&unused.name);
    }
    let of_kind = |(kind, names): (&&str, &Vec<&str>)| {
        let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more} ({kind})", shown.join(", "))
    };
    kinds.iter().map(of_kind).collect::<Vec<_>>().join(", ")
}

const PACKED: &str = "packed quantized weights";
const ADAPTERS: &str = "adapters";
const EXPERTS: &str = "experts";
const TOWERS: &str = "another modality";
/// Kinds of tensors that store weights in another way.
const INSTEAD: [&str; 4] = [PACKED, ADAPTERS, EXPERTS, TOWERS];

/// Beginnings of the names of other tasks' heads.
const HEADS: [&str; 8] = [
    "score.",
    "classifier.",
    "qa_outputs.",
    "v_head.",
    "value_head.",
    "reward_head.",
    "multiple_choice_head.",
    "summary.",
];

/// Whether a name is of a kind.
type Meaning = fn(&str) -> bool;

/// What a name means, where the model has no use for it: the first that fits. Parts of a name end at its dots.
const NAMES: &[(&str, Meaning)] = &[
    (PACKED, |name| {
        const ENDS: [&str; 17] = [
            "qweight",
            "qzeros",
            "weight_packed",
            "weight_shape",
            "weight_g_idx",
            "g_idx",
            "SCB",
            "absmax",
            "quant_map",
            "nested_absmax",
            "nested_quant_map",
            "codebooks",
            "codes",
            "W_q",
            "q_weight",
            "trellis",
            "_data",
        ];
        let end = last(name);
        ENDS.contains(&end) || name.contains("quant_state") || end.ends_with("_blocks")
    }),
    (ADAPTERS, |name| {
        ["lora_", "base_layer", "adapter", "hada_", "ia3_", "lokr_", "oft_", "prompt_encoder", "modules_to_save"]
            .iter()
            .any(|part| name.contains(part))
    }),
    ("scales or zero points", |name| {
        let end = last(name);
        ["scale", "zero_point", "zeros", "weight_zp"].iter().any(|part| end.contains(part))
    }),
    ("heads that predict further tokens", |name| {
        ["mtp", "nextn", "eh_proj", "enorm", "hnorm", "medusa", "eagle"].iter().any(|part| name.contains(part))
    }),
    (EXPERTS, |name| {
        ["expert", "moe", "router", "mlp.gate.", "_exps", "_shexp", "ffn_gate_inp"]
            .iter()
            .any(|part| name.contains(part))
    }),
    (TOWERS, |name| {
        ["vision", "visual", "image", "mm_projector", "multi_modal", "audio", "speech", "language_model."]
            .iter()
            .any(|part| name.contains(part))
    }),
];

/// What a tensor that the model does not use is taken for, and whether it is harmless.
fn kind(name: &str, shape: &[usize], layers: usize, fp8: bool) -> (&'static str, bool) {
    if let Some(harmless) = harmless(name, shape, fp8) {
        return (harmless, true);
    }
    if let Some((kind, _)) = NAMES.iter().find(|(_, fits)| fits(name)) {
        return (kind, false);
    }
    let kind = match last(name) {
        _ if layer(name).is_some_and(|layer| layer >= layers) => "layers beyond the configuration's",
        "bias" => "biases that the configuration does not have",
        _ if name.contains("norm") || name.contains("ln_") => "norms that the model does not have",
        _ => "no known use",
    };
    (kind, false)
}

/// What a tensor is that changes nothing: a table or mask that is computed anew, a head of another task, a scale of what is
/// not rounded here.
fn harmless(name: &str, shape: &[usize], fp8: bool) -> Option<&'static str> {
    let end = last(name);
    let of_activations =
        ["input_scale", "activation_scale", "output_scale", "q_scale", "k_scale", "v_scale", "kv_scale"];
    match end {
        "inv_freq" | "cos_cached" | "sin_cached" => Some("rotary table"),
        // Of old GGUF files.
        _ if name.contains("attn_rot_embd") => Some("rotary table"),
        "position_ids" => Some("positions"),
        "masked_bias" if shape.iter().product::<usize>() == 1 => Some("attention mask"),
        // A mask over all pairs of positions; a bias has one dimension.
        "bias" if shape.len() == 4 && (name.contains("attn") || name.contains("attention")) => Some("attention mask"),
        _ if fp8 && of_activations.contains(&end) => Some("scale of activations"),
        _ if HEADS.iter().any(|head| name.starts_with(head)) => Some("head of another task"),
        _ => None,
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The number of the layer that a tensor belongs to: the first part of its name that is a number.
fn layer(name: &str) -> Option<usize> {
    name.split('.').find_map(|part| part.parse().ok())
}
