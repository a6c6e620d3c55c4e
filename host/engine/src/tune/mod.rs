//! Deep-Thinking (arXiv 2305.13016, section 3): the demonstrations run through the model again and again
//! while a meta-optimizer moves their key/value cache.
//!
//! Step 1 is a plain pass over the demonstrations, which gives `C_1`. Step `t` runs them behind `C_{t-1}`: the keys and
//! values of that pass are the proposed cache `P_t`, and the optimizer makes `C_t` of it and `C_{t-1}`. Queries are scored
//! behind any `C_t`, with the demonstrations gone from the text.

mod demonstrations;
mod error;
mod iteration;
mod memory;
mod model_step;
mod momentum;
mod norms;
mod optimizer;
mod policy;
mod positions;
mod proposal;
mod question;
mod reordered;
mod stand_in;
mod update;

pub use demonstrations::{AnsweredQuery, Demonstrations};
pub use error::TuneError;
pub use iteration::State;
pub use memory::{QuestionSize, gradient_phase, likelihood_phases, phases};
pub use momentum::Momentum;
pub use norms::{LayerNorms, pseudo_gradient_norm};
pub use optimizer::{MetaOptimizer, OptimizerError, Slot, SlotKind, StepContext, StepReport, Update, Verdict};
pub use policy::StepPolicy;
pub use positions::Positions;
pub use question::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, Objective, ProposalPass, Question, QuestionError, Unanswerable,
};
pub use stand_in::StandInStep;
pub use update::{check_update, first_not_finite};
