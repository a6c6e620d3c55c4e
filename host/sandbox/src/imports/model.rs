//! The `step-context` resource: what an optimizer asks in a step.
//!
//! Every question checks its arguments, then the limits, and only then goes to the context of the step. The call's clock
//! stands still until the answer is there. What a question costs is spent whatever becomes of it, so that no guest keeps the
//! host at work beyond its passes.

use std::time::Instant;

use candle_core::Tensor;
use wasmtime::component::Resource;

use crate::bindings::model;
use crate::bindings::types::{Error, ErrorKind};
use crate::state::HostState;
use crate::state::ledger::DeviceTensor;
use crate::state::step::Step;
use crate::tensor::question_check::{cache_of, pass_of, rate_of};
use crate::tensor::shape_check::invalid_arguments;
use crate::trap::HostTrap;
use ft_engine::model::KvCache;
use ft_engine::tune::{Dropout, Examples, Objective, ProposalPass, Question, QuestionError, SlotKind, StepContext};

/// What an answer is to the guest: its value, or an error that the guest may deal with.
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl HostState {
    /// Has a question about a step answered.
    fn ask<T: Send + 'static>(
        &mut self,
        operation: &'static str,
        step: &Resource<Step>,
        asked: Question,
        question: impl FnOnce(&mut dyn StepContext) -> Result<T, QuestionError> + Send + 'static,
    ) -> Answer<T> {
        self.clock.check()?;
        self.spend(asked.passes())?;
        let began = Instant::now();
        let answer = self.resources.get(step)?.questions.ask(question);
        self.clock.stand_still(began.elapsed());
        let answer = match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(QuestionError::Unanswerable(error))) => {
                Err(Error { kind: ErrorKind::Unsupported, message: error.to_string() })
            }
            Some(Err(QuestionError::Invalid(problem))) => return Err(invalid_arguments(operation, problem).into()),
            Some(Err(QuestionError::Model(error))) => return Err(HostTrap::Model(error).into()),
            Some(Err(QuestionError::Interrupted)) => return Err(HostTrap::Interrupted.into()),
            // The thread that answers is about to end the program: nobody learns how this call ends.
            None => return Err(HostTrap::Interrupted.into()),
        };
        self.clock.check()?;
        Ok(answer)
    }

    /// The cache behind a question, of the slots' shapes, and its matrices.
    fn cache(
        &self,
        operation: &'static str,
        step: &Resource<Step>,
        cache: &[Resource<DeviceTensor>],
    ) -> wasmtime::Result<(KvCache, Vec<Tensor>)> {
        let matrices = cache.iter().map(|handle| self.tensor(handle)).collect::<wasmtime::Result<Vec<_>>>()?;
        let cache = cache_of(operation, &self.resources.get(step)?.slots, &matrices)?;
        Ok((cache, matrices))
    }

    /// Makes sure that as many bytes as the cache has may be handed over.
    fn expect_cache(&mut self, step: &Resource<Step>) -> wasmtime::Result<()> {
        let bytes = self.resources.get(step)?.slots.iter().map(|slot| slot.matrix.byte_count()).sum();
        Ok(self.ledger.check(bytes).map_err(HostTrap::LimitExceeded)?)
    }

    /// Hands tensors of an answer over to the plugin.
    fn give_all(&mut self, tensors: Vec<Tensor>) -> wasmtime::Result<Vec<Resource<DeviceTensor>>> {
        tensors.into_iter().map(|tensor| self.give(tensor)).collect()
    }

    /// What the step's own pass proposes. It is asked for once.
    fn own_proposal(&mut self, operation: &'static str, step: &Resource<Step>) -> Answer<Vec<Tensor>> {
        if let Some(proposed) = &self.resources.get(step)?.proposed {
            return Ok(Ok(proposed.clone()));
        }
        let answer = self.ask(operation, step, Question::Proposal, |context| context.propose().map(matrices))?;
        if let Ok(proposed) = &answer {
            self.resources.get_mut(step)?.proposed = Some(proposed.clone());
        }
        Ok(answer)
    }
}

/// All matrices of a cache, in the slots' order.
fn matrices(cache: KvCache) -> Vec<Tensor> {
    cache.matrices().cloned().collect()
}

/// A count of positions, layers or rows; those of a model fit.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn span(positions: &std::ops::Range<usize>) -> model::Span {
    model::Span { start: count(positions.start), end: count(positions.end) }
}

fn examples_of(examples: model::Examples) -> Examples {
    match examples {
        model::Examples::LeaveOneOut => Examples::LeaveOneOut,
        model::Examples::Demonstrations => Examples::Demonstrations,
        model::Examples::HeldOut => Examples::HeldOut,
    }
}

fn objective_of(objective: model::Objective) -> Objective {
    match objective {
        model::Objective::Answer => Objective::Answer,
        model::Objective::Choice => Objective::Choice,
    }
}

impl model::Host for HostState {}

impl model::HostStepContext for HostState {
    fn number(&mut self, step: Resource<Step>) -> wasmtime::Result<u32> {
        Ok(count(self.resources.get(&step)?.number))
    }

    fn seed(&mut self, step: Resource<Step>) -> wasmtime::Result<u64> {
        Ok(self.resources.get(&step)?.seed)
    }

    fn slots(&mut self, step: Resource<Step>) -> wasmtime::Result<Vec<model::Slot>> {
        self.clock.check()?;
        let slots = &self.resources.get(&step)?.slots;
        let shared: Vec<_> = slots.iter().map(|slot| (slot.layer, slot.kind, slot.matrix.share())).collect();
        let slot = |(layer, kind, matrix)| {
            let kind = match kind {
                SlotKind::Key => model::SlotKind::Key,
                SlotKind::Value => model::SlotKind::Value,
            };
            Ok(model::Slot { layer: count(layer), kind, matrix: self.push(matrix)? })
        };
        shared.into_iter().map(slot).collect()
    }

    fn demonstrations(&mut self, step: Resource<Step>) -> wasmtime::Result<Vec<model::Demonstration>> {
        self.clock.check()?;
        let demonstrations = &self.resources.get(&step)?.demonstrations;
        let spans = demonstrations.iter().map(|demonstration| model::Demonstration {
            tokens: span(&demonstration.tokens),
            answer: span(&demonstration.answer),
        });
        Ok(spans.collect())
    }

    fn held_out_rows(&mut self, step: Resource<Step>) -> wasmtime::Result<u32> {
        Ok(count(self.resources.get(&step)?.held_out))
    }

    fn passes_left(&mut self, _step: Resource<Step>) -> wasmtime::Result<u32> {
        Ok(count(self.remaining_passes()))
    }

    fn propose(
        &mut self,
        step: Resource<Step>,
        cache: Vec<Resource<DeviceTensor>>,
        pass: model::Pass,
    ) -> Answer<Vec<Resource<DeviceTensor>>> {
        let operation = "step-context.propose";
        let (cache, matrices_of_cache) = self.cache(operation, &step, &cache)?;
        let of_step = self.resources.get(&step)?;
        let pass = pass_of(operation, pass, cache.positions(), of_step.demonstrations.len())?;
        let is_own = pass == ProposalPass::default() && of_step.is_current(&matrices_of_cache);
        self.expect_cache(&step)?;
        let answer = if is_own {
            self.own_proposal(operation, &step)?
        } else {
            self.ask(operation, &step, Question::Proposal, move |context| {
                context.propose_behind(&cache, &pass).map(matrices)
            })?
        };
        match answer {
            Ok(proposed) => Ok(Ok(self.give_all(proposed)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn likelihood(
        &mut self,
        step: Resource<Step>,
        cache: Vec<Resource<DeviceTensor>>,
        examples: model::Examples,
        objective: model::Objective,
    ) -> Answer<Vec<f64>> {
        let operation = "step-context.likelihood";
        let (cache, _) = self.cache(operation, &step, &cache)?;
        let (examples, objective) = (examples_of(examples), objective_of(objective));
        let question = move |context: &mut dyn StepContext| context.likelihood(&cache, examples, objective);
        let answer = self.ask(operation, &step, Question::Likelihood(examples, objective), question)?;
        if let Ok(likelihoods) = &answer {
            self.moves(8 * likelihoods.len() as u64)?;
        }
        Ok(answer)
    }

    fn gradient(
        &mut self,
        step: Resource<Step>,
        cache: Vec<Resource<DeviceTensor>>,
        examples: model::Examples,
        objective: model::Objective,
        dropout: f64,
        seed: u64,
    ) -> Answer<model::Gradient> {
        let operation = "step-context.gradient";
        let (cache, _) = self.cache(operation, &step, &cache)?;
        let dropout = Dropout { rate: rate_of(operation, dropout)?, seed };
        let (examples, objective) = (examples_of(examples), objective_of(objective));
        self.expect_cache(&step)?;
        let question = move |context: &mut dyn StepContext| context.gradient(&cache, examples, objective, dropout);
        match self.ask(operation, &step, Question::Gradient(examples, objective), question)? {
            Ok(gradient) => {
                self.moves(8 * gradient.likelihoods.len() as u64)?;
                let slots = self.give_all(gradient.slots)?;
                Ok(Ok(model::Gradient { loss: gradient.loss, likelihoods: gradient.likelihoods, slots }))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn drop(&mut self, step: Resource<Step>) -> wasmtime::Result<()> {
        self.resources.delete(step)?;
        Ok(())
    }
}
