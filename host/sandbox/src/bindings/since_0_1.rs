//! Rust types and calls generated from version 0.1.0 of the WIT package, `wit/since-0.1/plugin.wit`.
//!
//! Interfaces that only name types are those of the present package. Of what plugins export, the
//! types that differ are used from here: those of a step, of an example, of a source and of a batch of rows.

/// The world of task plugins.
pub(crate) mod task {
    wasmtime::component::bindgen!({
        world: "task-plugin",
        path: "../../wit/since-0.1",
        imports: { default: trappable },
        with: {
            "forward-tuning:plugin/types": crate::bindings::types,
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
pub(crate) use task::exports::forward_tuning::plugin::dataset;
pub(crate) use task::forward_tuning::plugin::{data, log, table};
