//! What an optimizer asks the model in one step, and what it is answered.

use std::ops::Range;

use candle_core::Tensor;

use super::positions::Positions;
use crate::model::ModelError;

/// Where a demonstration stands in the cache of all demonstrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemonstrationSpan {
    /// Its tokens, with the separator behind it; a description, and tokens that the model expects before a text, stand before the first
    /// demonstration.
    pub tokens: Range<usize>,
    /// The tokens of its answer, a part of `tokens`.
    pub answer: Range<usize>,
}

/// How a pass over the demonstrations goes that an optimizer asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProposalPass {
    /// Which position ids the pass has; `None` for those of the run.
    pub positions: Option<Positions>,
    /// Positions of the cache that no token of the pass sees.
    pub hidden: Vec<Range<usize>>,
    /// The order in which the pass reads the demonstrations, as their indices, each once; empty for that of the cache. What it
    /// gives stands in the order of the cache all the same, rotary keys turned to their places there.
    pub order: Vec<usize>,
}

/// Which examples a likelihood is of. All are queries behind the demonstrations' cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examples {
    /// Every demonstration, behind the cache without its own positions.
    LeaveOneOut,
    /// Every demonstration, behind the whole cache.
    Demonstrations,
    /// The rows that the run set aside to select the step by.
    HeldOut,
}

/// What of an example is likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// The tokens of the right answer: the mean of their log-probabilities.
    Answer,
    /// The right choice among the choices: the log of the softmax over the choices' log-likelihoods, at the right one.
    Choice,
}

/// A question that was answered, by what it is about. Behind which cache it was asked is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A pass over the demonstrations.
    Proposal,
    /// How likely examples are.
    Likelihood(Examples, Objective),
    /// The gradient of how unlikely examples are.
    Gradient(Examples, Objective),
}

impl Question {
    /// Passes that the question costs: a gradient runs forward and back.
    pub fn passes(self) -> usize {
        match self {
            Self::Proposal | Self::Likelihood(..) => 1,
            Self::Gradient(..) => 2,
        }
    }
}

/// Positions of the cache that are left out at random, for each example anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The probability with which a position is left out, from 0 to below 1. Position 0 never is.
    pub rate: f64,
    /// What is drawn follows from this.
    pub seed: u64,
}

/// The gradient of a loss with respect to the cache.
#[derive(Clone, Debug)]
pub struct CacheGradient {
    /// The loss: the mean over the examples of their negative log-likelihoods, in nats.
    pub loss: f64,
    /// The log-likelihood of each example, in nats.
    pub likelihoods: Vec<f64>,
    /// The derivative with respect to each slot `[kv_heads, positions, head_dim]`, in the slots' order, of the cache's dtype.
    pub slots: Vec<Tensor>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The model failed; the optimizer is not to blame.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The question makes no sense for this model and these demonstrations: the optimizer's fault.
    #[error("{0}")]
    Invalid(String),
    /// There are no such examples in this run; an optimizer may ask for others.
    #[error(transparent)]
    Unanswerable(#[from] Unanswerable),
    /// Whoever takes the steps wants them to end; the optimizer is not to blame.
    #[error("interrupted")]
    Interrupted,
}

/// What a run does not have that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// A single demonstration cannot be left out.
    #[error("leave-one-out needs two demonstrations or more, got {demonstrations}")]
    NothingToLeaveOut {
        /// How many demonstrations there are.
        demonstrations: usize,
    },
    /// No rows were set aside.
    #[error("this run sets no rows aside to select the step by (`--held-out N` does)")]
    NothingHeldOut,
    /// The demonstrations are known as tokens alone: one of them has no token of its own, makes no query, or does not fit behind
    /// all of them.
    #[error("the demonstrations of this run are not known one by one")]
    NotApart,
    /// A choice of an example has no token that a token of its own text stands before: the last token of the cache, which predicts
    /// it, has seen what is hidden from the example.
    #[error("an example has a choice without a token that the example's own text predicts")]
    NothingPredicted,
}

impl From<candle_core::Error> for QuestionError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}
