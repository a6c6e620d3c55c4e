//! What an optimizer asks the model in a step, and what it is answered.

use std::ops::Range;

use crate::Tensor;

/// Where a demonstration stands in the cache. The demonstrations stand side by side in the order in which they are shown;
/// a description, and tokens that the model expects before a text, stand before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demonstration {
    /// The positions of its tokens, with the separator behind it.
    pub tokens: Range<u32>,
    /// The positions of its answer's tokens, a part of `tokens`.
    pub answer: Range<u32>,
}

/// Which position ids a pass over the demonstrations, of L tokens, has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Positions {
    /// As the run is configured (`--positions`).
    #[default]
    Configured,
    /// L..2L-1, as if the demonstrations stood there a second time; the published method.
    Continue,
    /// 0..L-1, so that a rotary key keeps its angle.
    Restart,
}

/// How a pass over the demonstrations goes. The default is the plain one: nothing hidden, in the order of the cache, with the
/// run's position ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Its position ids.
    pub positions: Positions,
    /// Positions of the cache that no token of the pass sees.
    pub hidden: Vec<Range<u32>>,
    /// The demonstrations in the order in which the pass reads them, as indices, each exactly once; empty for the order of the
    /// cache. What the pass gives stands in the order of the cache all the same, rotary keys turned to their places there.
    pub order: Vec<u32>,
}

/// Which examples a likelihood is of. All are queries behind the cache, as those of the evaluation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examples {
    /// Every demonstration, behind the cache without its own positions, which it does not see. Needs two demonstrations.
    LeaveOneOut,
    /// Every demonstration, behind the whole cache, where its own answer stands too.
    Demonstrations,
    /// The rows that the run has set aside to select the step by; [`Step::held_out_rows`](crate::Step::held_out_rows) says
    /// how many there are.
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

/// Positions that are left out at random, for each example anew, while a gradient is computed (Context Tuning, arXiv
/// 2507.04221, token dropout). The default leaves nothing out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropout {
    /// The probability with which a position is left out, from 0 to below 1. Position 0 of the cache never is.
    pub rate: f64,
    /// What is drawn follows from this number.
    pub seed: u64,
}

/// The gradient of a loss with respect to the cache. It points to where the loss grows: subtract it.
#[derive(Debug)]
pub struct Gradient {
    /// The loss: the mean over the examples of their negative log-likelihoods, in nats.
    pub loss: f64,
    /// The log-likelihood of each example, in nats.
    pub likelihoods: Vec<f64>,
    /// The derivative of the loss with respect to each slot, in the slots' order, shapes and dtypes.
    pub slots: Vec<Tensor>,
}
