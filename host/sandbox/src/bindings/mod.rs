//! Rust types and calls generated from the WIT package, one module for each world.
//!
//! The present package is `wit/plugin.wit`; `since_0_1` is the one that it grew out of.

#![allow(
    missing_docs,
    reason = "the generator leaves functions of its own without any; the rest is documented in the WIT"
)]

/// The world of task plugins.
pub(crate) mod task {
    wasmtime::component::bindgen!({
        world: "task-plugin",
        path: "../../wit",
        imports: { default: trappable },
        with: { "forward-tuning:plugin/table.table": crate::state::row_table::RowTable },
    });
}

/// The world of optimizer plugins. What both worlds import is generated once, above.
pub(crate) mod optimizer {
    wasmtime::component::bindgen!({
        world: "optimizer-plugin",
        path: "../../wit",
        imports: { default: trappable },
        with: {
            "forward-tuning:plugin/types": super::task::forward_tuning::plugin::types,
            "forward-tuning:plugin/log": super::task::forward_tuning::plugin::log,
            "forward-tuning:plugin/tensor.tensor": crate::state::ledger::DeviceTensor,
            "forward-tuning:plugin/model.step-context": crate::state::step::Step,
        },
    });
}

pub(crate) mod since_0_1;

pub use optimizer::exports::forward_tuning::plugin::meta_optimizer;
pub use optimizer::forward_tuning::plugin::{model, tensor};
pub use task::exports::forward_tuning::plugin::{dataset, info, prompt};
pub use task::forward_tuning::plugin::{data, log, table, types};
