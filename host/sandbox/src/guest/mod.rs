//! Running plugins: calls under limits, and what a task and an optimizer are to the rest of the host.

pub(crate) mod exports;
pub(crate) mod inspect;
pub(crate) mod optimizer_plugin;
pub(crate) mod sandbox;
pub(crate) mod task_exports;
pub(crate) mod task_plugin;
pub(crate) mod usage;
