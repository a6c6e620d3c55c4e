//! A record of a context, for tests.

use candle_core::DType;
use serde_json::json;

use super::{ContextRecord, NewContext, TensorsRecord};
use crate::files::schema::{PlanRecord, SelectedRecord};
use crate::files::trace::{LayerTrace, TraceRecord};
use ft_engine::model::saved_context::{ContextFacts, ContextShape};

/// A plan of two seeds, 7 and 9, of a model of one layer.
pub(crate) fn plan() -> PlanRecord {
    let plugin = |name: &str| json!({"name": name, "version": "1.0", "file": "p.wasm", "sha256": "ab".repeat(32)});
    let draw = |seed: u64| {
        json!({
            "seed": seed, "demonstrations": format!("text of {seed}"), "demonstration_ids": [seed, 1],
            "demonstration_rows": [seed]
        })
    };
    let mut further = draw(9);
    further["scored_rows"] = json!(2);
    let limits = json!({
        "fuel": 1, "seconds": 1.0, "memory": 1, "table_elements": 1, "call_bytes": 1, "tensor_bytes": 1
    });
    let config = json!({
        "model": "m", "data": "sample", "skip_bad_rows": false, "sampling": "first", "shots": 1, "seeds": [7, 9],
        "steps": 4, "limit": null, "score_steps": "all", "select": "last", "positions": "continue",
        "device": "cpu", "dtype": "f32", "weights": "dense", "threads": 1, "batch_tokens": 2, "limits": limits
    });
    let model = json!({
        "asked": "m", "source": "m", "layers": 1, "hidden": 2, "max_positions": null,
        "files": [
            {"name": "config.json", "bytes": 1, "sha256": "11".repeat(32)},
            {"name": "model.safetensors", "bytes": 1, "sha256": "22".repeat(32)},
        ]
    });
    let mut plan = json!({
        "format_version": 2, "host_version": "0.1.0", "config": config, "task": plugin("t"), "optimizer": plugin("o"),
        "options": {"task": {"cased": true}, "optimizer": {}}, "model": model, "data": [], "labels": ["a", "b"],
        "further_draws": [further], "evaluation_rows": 3, "evaluation_split_rows": 3, "longest_query": 3,
        "score_steps": [0, 1, 2, 3, 4], "notes": [],
        "memory": {
            "weights": 0, "dense_weights": 0, "cache": 0, "activations": 0, "total": 0, "available": null
        }
    });
    let first = draw(7).as_object().unwrap().clone();
    plan.as_object_mut().unwrap().extend(first);
    serde_json::from_value(plan).unwrap()
}

fn row(seed: u64, step: u32) -> TraceRecord {
    let layers = vec![LayerTrace { pseudo_gradient: [1.0; 2], update: [0.5; 2], cache: [2.0; 2] }];
    TraceRecord { seed, step, tokens: 2, seconds: 0.5, passes: None, loss: None, accepted: None, layers }
}

pub(crate) fn facts() -> ContextFacts {
    ContextFacts {
        shape: ContextShape { layers: 1, kv_heads: 2, positions: 3, head_dim: 4, embedding: 8 },
        held: DType::F32,
        stored: DType::BF16,
        next_position: 5,
        step: 3,
        shared_start: 0,
    }
}

pub(crate) fn record() -> ContextRecord {
    let trace = [row(7, 2), row(7, 3), row(7, 4), row(9, 2), row(9, 3), row(9, 4)];
    let new = NewContext::new(&plan(), SelectedRecord { seed: 9, step: 3 }, &trace, None).unwrap();
    new.with_tensors(TensorsRecord::new(100, &"cd".repeat(32), &facts()))
}
