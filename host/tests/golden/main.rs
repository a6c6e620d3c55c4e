//! Values of an independent implementation: PyTorch's logits and caches for tiny models with random weights.
//!
//! A folder of a model holds `config.json`, weights in any form that the host reads, and `golden.safetensors` with
//! `demo_ids`, `query_ids`, `plain_logits`, `step{t}_k`, `step{t}_v`, `step{t}_query_logits` (step size 0.01,
//! momentum 0.9; f32 on the CPU).

mod checkpoints;
mod formats;
mod fp8;
mod gradient;
mod gradient_golden;
mod precision;
mod pytorch;
mod support;
