//! Deep-Thinking: the loop that moves a key/value cache, and the rules that say how.

pub mod optimizer;

pub use optimizer::{MetaOptimizer, Slot, SlotKind, Update, Verdict};
