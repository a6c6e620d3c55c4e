//! What a run will do, decided and checked before weights are read.

pub(in crate::run) mod at_hand;
pub mod baseline;
pub mod common;
pub mod content_free;
mod context_draw;
pub mod context_plan;
pub mod draw;
mod dry_step;
pub mod error;
mod evaluation;
pub mod fit;
pub mod group;
pub mod held_out;
mod inputs;
mod memory;
mod notes;
pub(in crate::run) mod one_by_one;
pub mod prepare;
pub(in crate::run) mod record;
pub mod render;
mod select;
pub(in crate::run) mod shared_start;
pub mod shown;
pub mod text_bound;
pub mod usable;
pub mod weights;
