//! A step that is watched while its optimizer asks: the observer is told of passes, and the user's wish to stop is heard.

use super::stop::StopFlag;
use crate::run::observer::{Event, Observer};
use ft_engine::model::KvCache;
use ft_engine::tune::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, MetaOptimizer, Objective, OptimizerError, ProposalPass,
    Question, QuestionError, StepContext, Update,
};

/// An optimizer whose steps are watched.
pub(super) struct Watched<'a, O> {
    optimizer: &'a mut O,
    observer: &'a dyn Observer,
    stop: StopFlag<'a>,
    /// Whether a question was not put to the model since the user wants the run to end.
    interrupted: bool,
}

impl<'a, O> Watched<'a, O> {
    /// Watches an optimizer: the observer is told of the passes that it asks for, and it is answered nothing more once the
    /// user wants the run to end.
    pub fn new(optimizer: &'a mut O, observer: &'a dyn Observer, stop: StopFlag<'a>) -> Self {
        Self { optimizer, observer, stop, interrupted: false }
    }

    /// Whether a step ended since the user wants the run to end: what it failed with is not the optimizer's doing.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted
    }
}

impl<O: MetaOptimizer> MetaOptimizer for Watched<'_, O> {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let Self { observer, stop, .. } = *self;
        let mut step = WatchedStep { context, observer, stop, passes: 0, interrupted: false };
        let stepped = self.optimizer.step(&mut step);
        self.interrupted = step.interrupted;
        stepped
    }
}

/// A step, and how much of the model was asked for in it.
struct WatchedStep<'a> {
    context: &'a mut dyn StepContext,
    observer: &'a dyn Observer,
    stop: StopFlag<'a>,
    /// Passes besides the one that proposes, which every step has.
    passes: usize,
    interrupted: bool,
}

impl WatchedStep<'_> {
    /// Puts a question to the step, unless the user wants the run to end.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn StepContext) -> Result<T, QuestionError>,
    ) -> Result<T, QuestionError> {
        if self.stop.check().is_err() {
            self.interrupted = true;
            return Err(QuestionError::Interrupted);
        }
        question(self.context)
    }

    /// Tells of the passes of a question that was answered.
    fn answered(&mut self, question: Question) {
        self.passes += question.passes();
        self.observer.event(Event::Pass { done: self.passes });
    }
}

impl StepContext for WatchedStep<'_> {
    fn step(&self) -> usize {
        self.context.step()
    }

    fn seed(&self) -> u64 {
        self.context.seed()
    }

    fn cache(&self) -> &KvCache {
        self.context.cache()
    }

    fn demonstrations(&self) -> &[DemonstrationSpan] {
        self.context.demonstrations()
    }

    fn held_out(&self) -> usize {
        self.context.held_out()
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        self.ask(|context| context.propose())
    }

    fn propose_behind(&mut self, cache: &KvCache, pass: &ProposalPass) -> Result<KvCache, QuestionError> {
        let proposed = self.ask(|context| context.propose_behind(cache, pass))?;
        self.answered(Question::Proposal);
        Ok(proposed)
    }

    fn likelihood(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
    ) -> Result<Vec<f64>, QuestionError> {
        let likelihoods = self.ask(|context| context.likelihood(cache, examples, objective))?;
        self.answered(Question::Likelihood(examples, objective));
        Ok(likelihoods)
    }

    fn gradient(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<CacheGradient, QuestionError> {
        let gradient = self.ask(|context| context.gradient(cache, examples, objective, dropout))?;
        self.answered(Question::Gradient(examples, objective));
        Ok(gradient)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use candle_core::{Device, Tensor};

    use super::*;
    use ft_engine::score::{ChoiceTokens, QueryTokens};
    use ft_engine::tune::{AnsweredQuery, Demonstrations, Slot, SlotKind, StandInStep, StepReport, Verdict};

    /// Asks for a proposal twice, a likelihood, a gradient and another proposal.
    struct Curious;

    impl MetaOptimizer for Curious {
        fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
            let cache = context.propose()?;
            context.propose()?;
            let (examples, objective) = (Examples::LeaveOneOut, Objective::Answer);
            context.likelihood(&cache, examples, objective)?;
            let slots = context.gradient(&cache, examples, objective, Dropout { rate: 0.0, seed: 0 })?.slots;
            context.propose_behind(&cache, &ProposalPass::default())?;
            Ok(Update { cache: slots, verdict: Verdict::Continue, report: StepReport::default() })
        }
    }

    /// Writes down the passes that it is told of, and wants the run to end after so many events.
    struct Watcher<'a> {
        told: Mutex<Vec<usize>>,
        stops_after: usize,
        stop: &'a AtomicBool,
    }

    impl Observer for Watcher<'_> {
        fn event(&self, event: Event<'_>) {
            let Event::Pass { done } = event else { panic!("{event:?}") };
            let mut told = self.told.lock().unwrap();
            told.push(done);
            if told.len() == self.stops_after {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// What a step comes to where the user wants the run to end after so many events: its error, whether it was
    /// interrupted, the passes that were told of, and how many questions were answered.
    fn watched(stops_after: usize, stopped: bool) -> (Option<OptimizerError>, bool, Vec<usize>, usize) {
        let zeros = Tensor::new(&[[[0f32]]], &Device::Cpu).unwrap();
        let slot = |kind| Slot { layer: 0, kind, previous: zeros.clone(), proposed: zeros.clone() };
        let query = QueryTokens { choices: vec![ChoiceTokens { ids: vec![1, 2], span_start: 1 }] };
        let queries = vec![AnsweredQuery { tokens: query.into(), answer: 0 }; 2];
        let demonstrations = Demonstrations { queries, ..Demonstrations::of_tokens([1]) };
        let slots = [slot(SlotKind::Key), slot(SlotKind::Value)];
        let mut step = StandInStep::new(2, &slots, &demonstrations).unwrap();
        let stop = AtomicBool::new(stopped);
        let watcher = Watcher { told: Mutex::default(), stops_after, stop: &stop };
        let mut optimizer = Curious;
        let mut optimizer = Watched::new(&mut optimizer, &watcher, StopFlag(&stop));
        let error = optimizer.step(&mut step).err();
        let interrupted = optimizer.was_interrupted();
        (error, interrupted, watcher.told.into_inner().unwrap(), step.asked().len())
    }

    #[test]
    fn passes_are_told_of_but_for_the_one_that_every_step_has() {
        let (error, interrupted, told, asked) = watched(0, false);
        assert!(error.is_none() && !interrupted, "{error:?}");
        assert_eq!((told, asked), (vec![1, 3, 4], 4));
    }

    #[test]
    fn a_wish_to_stop_is_heard_between_two_questions() {
        for (stops_after, stopped, told, asked) in
            [(0, true, vec![], 0), (1, false, vec![1], 2), (2, false, vec![1, 3], 3)]
        {
            let (error, interrupted, found, answered) = watched(stops_after, stopped);
            let error = error.unwrap().downcast::<QuestionError>().unwrap();
            assert!(matches!(*error, QuestionError::Interrupted), "{error}");
            assert!(interrupted);
            assert_eq!((found, answered), (told, asked));
        }
    }
}
