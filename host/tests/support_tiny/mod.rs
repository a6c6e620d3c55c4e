//! The families' tiny models with random weights.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use ft_engine::model::decoder::Placement;
use ft_engine::model::weights::{Arrays, WeightBytes, WeightFormat};
use ft_engine::model::{Decoder, families};

pub const FAMILIES: [&str; 7] = ["llama", "opt", "gpt2", "gpt_neo", "gptj", "gpt_neox", "bloom"];

pub fn load(family: &str) -> Decoder {
    load_as(family, DType::F32)
}

/// The same in another number format.
pub fn load_as(family: &str, dtype: DType) -> Decoder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let family =
        families::from_config_json("config.json", &read("config.json"), families::UnknownSettings::Refuse).unwrap();
    let bytes: WeightBytes = Arc::new(read("model.safetensors"));
    let source = Arrays::new(vec![("model.safetensors".into(), bytes)]).unwrap();
    let placement = Placement { device: Device::Cpu, dtype, weights: WeightFormat::Dense };
    Decoder::load(family.config, &family.layout, &source, &placement).unwrap()
}
