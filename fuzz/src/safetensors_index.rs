//! A model's folder: `config.json`, the index of the weight files, and up to two of them, with `\xff\xff` in between.
//! What begins as a PyTorch checkpoint is one.

use std::path::Path;
use std::sync::Arc;

use ft_engine::model::families;
use ft_engine::model::weights::{Arrays, WeightBytes};
use ft_store::models::names::is_plain_name;
use ft_store::models::weight_files::shard_names;

use super::gguf::{check_refusal, load, read};
use super::input::parts;
use super::scratch::with_file;

const TENSORS: [&str; 4] = ["a", "b", "wte.weight", "model.embed_tokens.weight"];

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let [config, index, first, second] = parts(bytes);
    if !index.is_empty() {
        with_file(".index.json", index, check_index);
    }
    let file = |name: &str, bytes: &[u8]| {
        let pickled = bytes.starts_with(b"PK") || bytes.starts_with(b"\x80\x02");
        let name = if pickled { format!("{name}.bin") } else { format!("{name}.safetensors") };
        (name, Arc::new(bytes.to_vec()) as WeightBytes)
    };
    let mut shards = vec![file("first", first)];
    if !second.is_empty() {
        shards.push(file("second", second));
    }
    let source = match Arrays::new(shards) {
        Ok(source) => source,
        Err(error) => {
            check_refusal(&error, bytes.len());
            Arrays::new(Vec::new()).expect("no files are no tensors")
        }
    };
    for name in TENSORS {
        read(&source, name, bytes.len());
    }
    match families::from_config_json("config.json", config, families::UnknownSettings::Note) {
        Ok(family) => load(family, &source),
        Err(error) => check_refusal(&error, bytes.len()),
    }
}

/// The names that an index lists lead to files beside it, each once and in order.
fn check_index(path: &Path) {
    match shard_names(path) {
        Ok(names) => {
            assert!(!names.is_empty() && names.is_sorted());
            for name in names {
                assert!(is_plain_name(&name) && path.with_file_name(&name).parent() == path.parent(), "{name:?}");
            }
        }
        Err(error) => assert!(error.to_string().contains(".index.json"), "{error}"),
    }
}
