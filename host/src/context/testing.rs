//! A context of the tiny model, and what its record says of it, for tests.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};

use ft_engine::model::decoder::{Batch, Origin, Placement, Provenance, TokenTree};
use ft_engine::model::families::{UnknownSettings, from_config_json};
use ft_engine::model::saved_context::{ContextFacts, ContextShape};
use ft_engine::model::weights::{Arrays, WeightFormat};
use ft_engine::model::{Context, Decoder};
use ft_record::files::context::{ContextRecord, NewContext, TensorsRecord};
use ft_record::files::schema::{PlanRecord, SelectedRecord};
use ft_record::files::trace::{LayerTrace, TraceRecord};

/// The tiny model: 2 layers, 2 key/value heads of 8, hidden states of 32.
pub(crate) fn decoder() -> Decoder {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny/llama");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let family = from_config_json("config.json", &read("config.json"), UnknownSettings::Refuse).unwrap();
    let weights = Arrays::new(vec![("model.safetensors".into(), Arc::new(read("model.safetensors")))]).unwrap();
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    Decoder::load(family.config, &family.layout, &weights, &placement).unwrap()
}

/// What the model has read of some tokens, as the second step of the method.
pub(crate) fn context(decoder: &Decoder, tokens: &[u32]) -> Context {
    let trees = [TokenTree::chain(tokens)];
    let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[tokens.len() - 1])).unwrap();
    Context {
        cache: output.cache,
        last_hidden: Some(output.hidden_states),
        next_position: tokens.len(),
        provenance: Provenance { origin: Origin::Demonstrations { step: 2 }, shared_start: 0 },
    }
}

/// A plan of seed 0 and a model of two layers.
pub(crate) fn plan() -> PlanRecord {
    let mut plan: PlanRecord = serde_json::from_str(include_str!("../run/first_plan.json")).unwrap();
    plan.model.layers = 2;
    plan.draw.demonstrations = "a good film => positive\n".into();
    plan
}

/// The record of a step of that plan, without its tensors.
pub(crate) fn new_context(plan: &PlanRecord, step: u32) -> NewContext {
    let layer = LayerTrace { pseudo_gradient: [3.0, 0.0], update: [0.5, 0.0], cache: [9.0, 9.0] };
    let (passes, loss, accepted) = (None, Some(0.25), None);
    let row =
        |step| TraceRecord { seed: 0, step, tokens: 5, seconds: 0.5, passes, loss, accepted, layers: vec![layer; 2] };
    NewContext::new(plan, SelectedRecord { seed: 0, step }, &[row(2), row(3)], None).unwrap()
}

/// The record of a step of that plan, of a context that is in no file.
pub(crate) fn record(plan: &PlanRecord, step: u32) -> ContextRecord {
    let facts = ContextFacts {
        shape: ContextShape { layers: 2, kv_heads: 2, positions: 3, head_dim: 8, embedding: 32 },
        held: DType::F32,
        stored: DType::BF16,
        next_position: 3,
        step: step as usize,
        shared_start: 0,
    };
    new_context(plan, step).with_tensors(TensorsRecord::new(100, &"cd".repeat(32), &facts))
}
