//! Rust types and calls generated from version 0.1.0 of the WIT package, `wit/since-0.1/plugin.wit`.
//!
//! Interfaces that only name types are those of the present package. What a plugin of either version exports beside its
//! steps is the same, so that no types of exported interfaces are used from here but those of a step.

/// The world of task plugins.
pub(crate) mod task {
    wasmtime::component::bindgen!({
        world: "task-plugin",
        path: "../../wit/since-0.1",
        imports: { default: trappable },
        with: {
            "forward-tuning:plugin/types": crate::bindings::types,
            "forward-tuning:plugin/data": crate::bindings::data,
            "forward-tuning:plugin/table.table": crate::state::row_table::RowTable,
        },
    });
}

/// The world of optimizer plugins.
pub(crate) mod optimizer {
    wasmtime::component::bindgen!({
        world: "optimizer-plugin",
        path: "../../wit/since-0.1",
        imports: { default: trappable },
        with: {
            "forward-tuning:plugin/types": crate::bindings::types,
            "forward-tuning:plugin/log": super::task::forward_tuning::plugin::log,
            "forward-tuning:plugin/tensor.tensor": crate::state::ledger::DeviceTensor,
        },
    });
}

pub(crate) use optimizer::exports::forward_tuning::plugin::meta_optimizer;
pub(crate) use optimizer::forward_tuning::plugin::tensor;
pub(crate) use task::forward_tuning::plugin::{log, table};
