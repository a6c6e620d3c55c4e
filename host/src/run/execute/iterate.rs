//! The method's outer loop: Deep-Thinking over some demonstrations (arXiv 2305.13016, section 3).

use std::time::Instant;

use super::stop::StopFlag;
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use ft_engine::tune::{Demonstrations, State, Verdict, pseudo_gradient_norm};

/// When an iteration ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Criterion {
    /// The last step that is taken, from 1.
    pub last_step: usize,
    /// The iteration has settled where the pseudo-gradient's norm over the whole cache is below this.
    pub until_norm: Option<f64>,
}

impl Criterion {
    /// Whether later steps would change nothing of note.
    fn is_settled(self, state: &State) -> bool {
        let is_small = |bound| state.step() > 1 && pseudo_gradient_norm(&state.norms) < bound;
        state.verdict == Verdict::Converged || self.until_norm.is_some_and(is_small)
    }
}

/// One step of an iteration.
pub(super) struct Step<'a> {
    /// What the step came to.
    pub state: &'a State,
    /// Seconds that its pass and update took.
    pub seconds: f64,
    /// Whether it is the last one, since the iteration has settled.
    pub settled: bool,
}

/// What is made of the steps of an iteration.
pub(super) trait Sink<M> {
    /// Told before step `t`.
    fn begin(&mut self, _t: usize) {}

    /// Takes a step.
    ///
    /// # Errors
    /// Whatever ends the iteration.
    fn step(&mut self, model: &M, step: &Step<'_>) -> Result<(), RunError>;
}

/// Tunes the cache of these demonstrations step by step, and hands every step to the
/// sink. Gives the step at which the iteration settled; `None` where it went on to the last one.
///
/// # Errors
/// Failures of the model, the optimizer and the sink; [`RunError::Interrupted`].
pub(super) fn iterate<M: TunedModel>(
    model: &mut M,
    demonstrations: &Demonstrations,
    until: Criterion,
    stop: StopFlag<'_>,
    sink: &mut impl Sink<M>,
) -> Result<Option<usize>, RunError> {
    let mut state: Option<State> = None;
    for t in 1..=until.last_step {
        stop.check()?;
        sink.begin(t);
        let started = Instant::now();
        // C_1 is the cache of a plain pass over the demonstrations: in-context learning. From then on a pass behind
        // C_{t-1} proposes P_t, and the optimizer makes C_t of the two (section 3.2).
        let next = model.step(demonstrations, state.as_ref())?;
        let settled = until.is_settled(&next);
        // C_{t-1} goes before anything is scored behind C_t: two caches at once would take twice the memory.
        let state = &*state.insert(next);
        sink.step(model, &Step { state, seconds: started.elapsed().as_secs_f64(), settled })?;
        if settled {
            return Ok(Some(t));
        }
    }
    Ok(None)
}
