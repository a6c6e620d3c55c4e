//! A model of a real one's shape with random weights: figures need nothing from outside, and the time that a product
//! takes does not depend on its numbers.

use std::cell::OnceCell;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::Placement;
use ft_engine::model::families::{self, Family, UnknownSettings};
use ft_engine::model::weights::{TensorSource, WeightFormat};
use ft_engine::model::{Decoder, ModelError};
use ft_engine::tune::State;

use super::Outcome;

/// The model, in words.
pub const WHAT: &str = "the shape of SmolLM2-135M, random weights, CPU";

/// The size of its vocabulary.
pub const VOCABULARY: u32 = 49152;

const CONFIG: &str = r#"{
    "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "hidden_act": "silu", "tie_word_embeddings": true
}"#;

/// How weights and states are held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Single precision.
    F32,
    /// bfloat16.
    Bf16,
    /// Half precision.
    F16,
    /// Weights in 8 bit, states in single precision.
    EightBit,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::Bf16, Self::F16, Self::EightBit];

    fn placement(self) -> Placement {
        let (dtype, weights) = match self {
            Self::F32 => (DType::F32, WeightFormat::Dense),
            Self::Bf16 => (DType::BF16, WeightFormat::Dense),
            Self::F16 => (DType::F16, WeightFormat::Dense),
            Self::EightBit => (DType::F32, WeightFormat::Quantized),
        };
        Placement { device: Device::Cpu, dtype, weights }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::EightBit => "8-bit",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is no format of weights"))
    }
}

fn family() -> Outcome<Family> {
    Ok(families::from_config_json("config.json", CONFIG.as_bytes(), UnknownSettings::Refuse)?)
}

/// The model with its weights.
pub fn load(format: Format) -> Outcome<Decoder> {
    let family = family()?;
    let decoder = Decoder::load(family.config, &family.layout, &RandomWeights, &format.placement())?;
    // The first pass of all starts threads and fetches pages.
    State::first(&decoder, &[0; 8])?;
    Ok(decoder)
}

/// The model in all formats, each loaded when it is first asked for.
#[derive(Default)]
pub struct Models([OnceCell<Decoder>; 4]);

impl Models {
    /// The model in one of them.
    pub fn get(&self, format: Format) -> Outcome<&Decoder> {
        let cell = &self.0[format as usize];
        if let Some(decoder) = cell.get() {
            return Ok(decoder);
        }
        let decoder = load(format)?;
        Ok(cell.get_or_init(|| decoder))
    }
}

/// Multiplications and additions of one token with the matrices of all blocks; neither attention's own products nor the
/// output head are counted.
pub fn layer_flops() -> Outcome<f64> {
    let Family { config, layout, .. } = family()?;
    let per_layer = layout.layers.iter().map(|layer| {
        let attention = config.hidden * config.head_dim * (2 * config.heads + 2 * config.kv_heads);
        let matrices = if layer.gate.is_some() { 3 } else { 2 };
        2 * (attention + matrices * config.hidden * config.intermediate)
    });
    Ok(per_layer.sum::<usize>() as f64)
}

/// Numbers that follow from a tensor's name: the model is the same in every format and in every run.
struct RandomWeights;

impl TensorSource for RandomWeights {
    fn file(&self) -> &str {
        "random weights"
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn shape(&self, _name: &str) -> Option<&[usize]> {
        None
    }

    fn check(&self, _name: &str, _shape: &[usize]) -> Result<(), ModelError> {
        Ok(())
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let count = shape.iter().product();
        let values: Vec<f32> = if name.contains("norm") {
            vec![1.0; count]
        } else {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            // A standard deviation of 0.02, which is usual at the beginning of a training.
            Noise(hasher.finish()).map(|x| 0.02 * 3f32.sqrt() * x).take(count).collect()
        };
        Ok(Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)
    }
}

/// Evenly distributed numbers from -1 to 1 (SplitMix64; Steele, Lea and Flood 2014).
struct Noise(u64);

impl Iterator for Noise {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some((mixed >> 40) as f32 / (1 << 23) as f32 - 1.0)
    }
}
