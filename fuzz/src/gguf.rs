//! A GGUF file: header, metadata, the tensors' directory, a model's shape, and reading tensors.

use std::sync::Arc;

use candle_core::{DType, Device};
use ft_engine::model::decoder::Placement;
use ft_engine::model::families::{self, Family};
use ft_engine::model::memory::{Phase, estimate};
use ft_engine::model::weights::{Gguf, TensorSource, WeightBytes, WeightFormat};
use ft_engine::model::{Decoder, ModelError};

/// Names that the corpus' files have.
const TENSORS: [&str; 5] = ["a", "b", "token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight"];

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let file: WeightBytes = Arc::new(bytes.to_vec());
    let gguf = match Gguf::new("fuzzed.gguf", file) {
        Ok(gguf) => gguf,
        Err(error) => return check_refusal(&error, bytes.len()),
    };
    for name in TENSORS {
        read(&gguf, name, bytes.len());
    }
    match families::from_gguf("fuzzed.gguf", &gguf, families::UnknownSettings::Note) {
        Ok(family) => load(family, &gguf),
        Err(error) => check_refusal(&error, bytes.len()),
    }
}

/// Reads a tensor by the shape that the file has for it, and one number of it.
pub fn read(source: &dyn TensorSource, name: &str, length: usize) {
    // No file of the corpus has a tensor of this shape, so that the refusal says which it has.
    let shape = match source.tensor(name, &[3, 1, 4, 1, 5], DType::F32, &Device::Cpu) {
        Err(ModelError::Misshapen { found, .. }) => found,
        Err(ModelError::MissingTensor { .. }) => return assert!(!source.contains(name)),
        Ok(_) => return,
        Err(error) => return check_refusal(&error, length),
    };
    assert!(source.contains(name));
    match source.tensor(name, &shape, DType::F32, &Device::Cpu) {
        Ok(tensor) => {
            assert_eq!(tensor.dims(), shape);
            let numbers: Vec<f32> = tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("it was read");
            assert_eq!(numbers.len(), shape.iter().product::<usize>());
        }
        Err(error) => check_refusal(&error, length),
    }
}

/// What holds of every model whose description is taken, and reading all its weights.
pub fn load(family: Family, source: &dyn TensorSource) {
    let Family { config, layout, .. } = family;
    assert_eq!(config.layers.len(), layout.layers.len());
    assert!(config.kv_heads > 0 && config.heads.is_multiple_of(config.kv_heads) && config.head_dim > 0);
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    let phase = Phase { tokens: 1000, largest_tree: 1000, past: 1000, cached: 5000, others: 0 };
    assert!(estimate(&config, &layout, &placement, &[phase]).total > 0);
    // Whether all tensors are there in their shapes is for the file to say; that it is taken or refused is enough.
    let _ = Decoder::load(config, &layout, source, &placement);
}

/// A message names what it is about, and is no longer than the file gave reason for.
pub fn check_refusal(error: &ModelError, length: usize) {
    let message = error.to_string();
    assert!(!message.is_empty() && message.len() <= 2000 + 12 * length, "{message}");
}
