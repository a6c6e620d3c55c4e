//! What a `step-context` handle of a plugin stands for: one step, and the line to whoever answers its questions.
//!
//! A step's context borrows the model and lives on the thread that takes the step, and a store's data live for ever on any.
//! So the guest's call has a thread of its own, and its questions go to the context's thread, one at a time.

use std::sync::mpsc::{Receiver, Sender, channel};

use candle_core::Tensor;

use super::HostState;
use super::ledger::DeviceTensor;
use ft_engine::tune::{DemonstrationSpan, SlotKind, StepContext};

/// A question to the model, with the line on which its answer goes back.
type Question = Box<dyn FnOnce(&mut dyn StepContext) + Send>;

/// One step as the plugin sees it.
pub struct Step {
    pub(crate) number: usize,
    pub(crate) seed: u64,
    /// The current cache in the slots' order.
    pub(crate) slots: Vec<StepSlot>,
    pub(crate) demonstrations: Vec<DemonstrationSpan>,
    pub(crate) held_out: usize,
    /// What the step's own pass proposed, once it was asked for.
    pub(crate) proposed: Option<Vec<Tensor>>,
    pub(crate) questions: Questions,
}

/// One matrix of the current cache.
pub(crate) struct StepSlot {
    pub(crate) layer: usize,
    pub(crate) kind: SlotKind,
    pub(crate) matrix: DeviceTensor,
}

impl Step {
    /// The step that a context is about. Its matrices are lent to the plugin for the coming call.
    pub(crate) fn new(state: &mut HostState, known: StepFacts, questions: Questions) -> Self {
        let StepFacts { number, seed, layers, demonstrations, held_out } = known;
        let slots = layers
            .into_iter()
            .enumerate()
            .flat_map(|(layer, [keys, values])| [(layer, SlotKind::Key, keys), (layer, SlotKind::Value, values)]);
        let slots = slots.map(|(layer, kind, matrix)| StepSlot { layer, kind, matrix: state.lent(matrix) }).collect();
        Self { number, seed, slots, demonstrations, held_out, proposed: None, questions }
    }

    /// Whether these are the matrices of the current cache, and not others that may have the same numbers.
    pub(crate) fn is_current(&self, cache: &[Tensor]) -> bool {
        cache.len() == self.slots.len()
            && cache.iter().zip(&self.slots).all(|(tensor, slot)| tensor.id() == slot.matrix.tensor.id())
    }
}

/// What is known of a step before anything is asked.
#[derive(Debug)]
pub(crate) struct StepFacts {
    number: usize,
    seed: u64,
    /// Keys and values of each layer.
    layers: Vec<[Tensor; 2]>,
    demonstrations: Vec<DemonstrationSpan>,
    held_out: usize,
}

impl StepFacts {
    pub(crate) fn of(context: &dyn StepContext) -> Self {
        let layers = context.cache().layers().iter().map(|layer| [layer.keys.clone(), layer.values.clone()]);
        Self {
            number: context.step(),
            seed: context.seed(),
            layers: layers.collect(),
            demonstrations: context.demonstrations().to_vec(),
            held_out: context.held_out(),
        }
    }

    /// All matrices of the cache, in the slots' order.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &Tensor> {
        self.layers.iter().flatten()
    }
}

/// The asking end of the line.
pub(crate) struct Questions(Sender<Option<Question>>);

/// The answering end of the line.
pub(crate) struct Answers(Receiver<Option<Question>>);

/// Ends the answering when it is dropped: when the guest's call is over, however it ended.
pub(crate) struct Over(Sender<Option<Question>>);

/// A line between a guest and the context of its step.
pub(crate) fn line() -> (Questions, Over, Answers) {
    let (questions, answers) = channel();
    (Questions(questions.clone()), Over(questions), Answers(answers))
}

impl Questions {
    /// Has a question answered on the thread of the step's context, and waits. `None` if that thread is there no more.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn StepContext) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = channel();
        let question: Question = Box::new(move |context| {
            // The guest waits for nothing else.
            let _ = answer.send(question(context));
        });
        self.0.send(Some(question)).ok()?;
        answered.recv().ok()
    }
}

impl Answers {
    /// Answers questions until the guest's call is over.
    pub(crate) fn answer(self, context: &mut dyn StepContext) {
        while let Ok(Some(question)) = self.0.recv() {
            question(context);
        }
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        // Nobody answers any more if that fails.
        let _ = self.0.send(None);
    }
}
