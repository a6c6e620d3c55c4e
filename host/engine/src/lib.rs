//! Forward tuning ("Deep-Thinking", arXiv 2305.13016) over a language model that this process owns.
//!
//! The modules are layers; each uses only what stands below it, and `host/tests/layers.rs` checks that.
//!
//! - [`tune`]: the Deep-Thinking loop over a key/value cache; never sees text.
//! - [`score`]: log-likelihoods of continuations over a shared cache.
//! - [`model`]: one decoder for all families, weights, tokenizer.
//! - [`metrics`]: accuracies and intervals: pure numbers.
//! - [`task`]: examples, sampling, prompts: pure values.
//! - [`text`]: text of strangers, told apart by its type and made fit to be shown.
//!
//! # A program of one's own
//!
//! A model is made of its configuration and its weights; demonstrations and queries are token ids, which
//! [`model::Tokenizer`] makes of texts. Five steps with the paper's optimizer, and a query of two choices after each:
//!
//! ```
//! use std::sync::Arc;
//!
//! use candle_core::{DType, Device};
//! use ft_engine::model::decoder::Placement;
//! use ft_engine::model::families::{UnknownSettings, from_config_json};
//! use ft_engine::model::weights::{Arrays, WeightFormat};
//! use ft_engine::model::Decoder;
//! use ft_engine::score::{ChoiceTokens, QueryTokens, score};
//! use ft_engine::tune::{Demonstrations, Momentum, State, StepPolicy};
//!
//! # const CONFIG: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tiny/llama/config.json"));
//! # const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tiny/llama/model.safetensors"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The bytes of `config.json` and `model.safetensors`; a setting that is not known is refused by its name.
//! let family = from_config_json("config.json", CONFIG, UnknownSettings::Refuse)?;
//! let weights = Arrays::new(vec![("model.safetensors".into(), Arc::new(WEIGHTS.to_vec()))])?;
//! let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
//! let decoder = Decoder::load(family.config, &family.layout, &weights, &placement)?;
//!
//! let demonstrations = Demonstrations::of_tokens([5, 17, 3, 42, 8, 11]);
//! let choice = |last| ChoiceTokens { ids: vec![7, 9, last], span_start: 2 };
//! let query = QueryTokens { choices: vec![choice(20), choice(21)] };
//!
//! let mut optimizer = Momentum::new(0.01, 0.9);
//! let mut state = State::first(&decoder, &demonstrations.ids)?;
//! for step in 1..=5 {
//!     let scores = score(&decoder, &state.context, std::slice::from_ref(&query))?;
//!     let [first, second] = &scores[0][..] else { unreachable!("a score for each choice") };
//!     assert!(first.loglik < 0.0 && second.loglik < 0.0 && first.tokens == 1);
//!     assert_eq!(state.step(), step);
//!     state = state.next(&decoder, &demonstrations, StepPolicy::PUBLISHED, &mut optimizer)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here opens a file, asks a clock, reads the environment, uses the network or prints: bytes come in, values go
//! out. Clippy holds it to that; see `clippy.toml` beside the manifest.

#![warn(missing_docs)]
#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod metrics;
pub mod model;
pub mod score;
pub mod task;
pub mod text;
pub mod tune;
