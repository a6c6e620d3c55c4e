//! The names that a model's files have, in folders and in repositories of the hub.

use std::path::Path;

/// The name of the model's configuration in a folder or repository.
pub(crate) const CONFIG: &str = "config.json";
/// The name of a fast tokenizer's file in a folder or repository.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// The names of an older tokenizer's files: vocabulary and merges.
pub(crate) const BPE_TOKENIZER: [&str; 2] = ["vocab.json", "merges.txt"];
/// The name of the tokenizer's configuration, which not every tokenizer has beside its other files.
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The name of an adapter's configuration, as PEFT saves it.
pub(crate) const ADAPTER: &str = "adapter_config.json";
/// The names of an adapter's weights, as PEFT saves them.
pub(crate) const ADAPTER_WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

/// The names under which a format of weights is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeightNames {
    /// The name of the weights in one file.
    pub whole: &'static str,
    /// The name of the index of weights in several files.
    pub index: &'static str,
}

/// The formats of weights, the preferred one first: many models have both, and only safetensors can be mapped whole.
pub(crate) const WEIGHTS: [WeightNames; 2] = [
    WeightNames { whole: "model.safetensors", index: "model.safetensors.index.json" },
    WeightNames { whole: "pytorch_model.bin", index: "pytorch_model.bin.index.json" },
];

/// Every file of a tokenizer, in all its formats.
pub(crate) const TOKENIZER_FILES: [&str; 4] = [TOKENIZER, BPE_TOKENIZER[0], BPE_TOKENIZER[1], TOKENIZER_CONFIG];

/// Whether a text names a file or folder right here, without a way to elsewhere.
pub fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let plain = matches!(components.next(), Some(std::path::Component::Normal(first)) if first == name);
    plain && components.next().is_none() && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for name in ["model-00001-of-00002.safetensors", "sst2", "a.b"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/x", "a\\b", "a/", "x\0"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
