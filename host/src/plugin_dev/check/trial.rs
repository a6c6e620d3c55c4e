//! Steps that an optimizer takes for a check: over made caches and proposals, with every question answered.

use candle_core::{DType, Device, Tensor};

use super::harness::Counted;
use ft_engine::model::ModelError;
use ft_engine::score::{ChoiceTokens, QueryTokens};
use ft_engine::tune::{
    AnsweredQuery, DemonstrationSpan, Demonstrations, MetaOptimizer, Question, Slot, SlotKind, StandInStep, Update,
    check_update,
};
use ft_sandbox::{ErrorKind, Failure, OptimizerPlugin, PluginError};

/// Layers, and the shape of a slot, of the caches that optimizers are tried on.
pub(super) const LAYERS: usize = 3;
pub(super) const SHAPE: [usize; 3] = [2, 7, 4];

/// Demonstrations and rows set aside of the steps that optimizers are tried with.
pub(super) const DEMONSTRATIONS: usize = 3;
pub(super) const HELD_OUT: usize = 2;

/// Why a step could not be taken.
pub(super) enum Fault {
    /// The optimizer failed, or says in the orderly way that it does not do this.
    Plugin(PluginError),
    /// Its update is not one.
    Wrong(String),
}

impl Fault {
    /// What the optimizer says in the orderly way.
    pub(super) fn returned(&self) -> Option<(ErrorKind, &str)> {
        match self {
            Self::Plugin(error) => match error.failure() {
                Failure::Returned { kind, message } => Some((*kind, message)),
                _ => None,
            },
            Self::Wrong(_) => None,
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Plugin(error) => error.to_string(),
            Fault::Wrong(message) => message,
        }
    }
}

/// What the tensor library says, without its backtraces.
pub(super) fn failed(error: candle_core::Error) -> String {
    ModelError::from(error).to_string()
}

/// Numbers that look random and are the same everywhere: a cache's slots.
pub(super) fn cache(seed: u32, dtype: DType) -> candle_core::Result<Vec<Tensor>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(12345);
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 4.0 - 2.0
    };
    let elements: usize = SHAPE.iter().product();
    let mut slot =
        || Tensor::from_vec((0..elements).map(|_| number()).collect(), &SHAPE, &Device::Cpu)?.to_dtype(dtype);
    (0..2 * LAYERS).map(|_| slot()).collect()
}

/// Two caches' matrices as the slots of a step.
pub(super) fn slots(previous: &[Tensor], proposed: &[Tensor]) -> Vec<Slot> {
    let kinds = [SlotKind::Key, SlotKind::Value].into_iter().cycle();
    let pairs = previous.iter().zip(proposed).zip(kinds).enumerate();
    pairs
        .map(|(index, ((previous, proposed), kind))| Slot {
            layer: index / 2,
            kind,
            previous: previous.clone(),
            proposed: proposed.clone(),
        })
        .collect()
}

/// So many demonstrations side by side over so many positions, with so many rows that are set aside. With fewer positions
/// there are as many demonstrations as positions.
pub(super) fn demonstrations(positions: usize, count: usize, held_out: usize) -> Demonstrations {
    let count = count.min(positions);
    let place = |index: usize| index * positions / count;
    let spans = (0..count).map(|index| {
        let (start, end) = (place(index), place(index + 1));
        DemonstrationSpan { tokens: start..end, answer: end - 1..end }
    });
    let choice = |id| ChoiceTokens { ids: vec![0, id], span_start: 1 };
    let query = AnsweredQuery { tokens: QueryTokens { choices: vec![choice(1), choice(2)] }.into(), answer: 0 };
    Demonstrations {
        spans: spans.collect(),
        queries: vec![query.clone(); count],
        held_out: vec![query; held_out],
        ..Demonstrations::of_tokens(vec![0; positions])
    }
}

/// The demonstrations of most checks.
pub(super) fn usual_demonstrations() -> Demonstrations {
    demonstrations(SHAPE[1], DEMONSTRATIONS, HELD_OUT)
}

/// Takes a step whose questions a [`StandInStep`] answers; what the optimizer asked, besides its update.
pub(super) fn unchecked_step(
    optimizer: &mut Counted<'_, OptimizerPlugin>,
    number: usize,
    slots: &[Slot],
    demonstrations: &Demonstrations,
) -> Result<(Update, Vec<Question>), Fault> {
    let Some(mut step) = StandInStep::new(number, slots, demonstrations) else {
        return Err(Fault::Wrong("expected slots of whole layers of equal positions, got others".into()));
    };
    match MetaOptimizer::step(&mut **optimizer, &mut step) {
        Ok(update) => Ok((update, step.asked().to_vec())),
        Err(error) => Err(match error.downcast::<PluginError>() {
            Ok(error) => Fault::Plugin(*error),
            Err(error) => Fault::Wrong(error.to_string()),
        }),
    }
}

/// As [`unchecked_step`], with the update held to what the loop takes.
pub(super) fn step(
    optimizer: &mut Counted<'_, OptimizerPlugin>,
    number: usize,
    slots: &[Slot],
    demonstrations: &Demonstrations,
) -> Result<(Update, Vec<Question>), Fault> {
    let (update, asked) = unchecked_step(optimizer, number, slots, demonstrations)?;
    check_update(number, slots, &update.cache, false).map_err(|error| Fault::Wrong(error.to_string()))?;
    Ok((update, asked))
}

/// Takes steps from 2 on, and gives the last cache with what was asked in each step.
pub(super) fn run(
    optimizer: &mut Counted<'_, OptimizerPlugin>,
    steps: usize,
    dtype: DType,
    demonstrations: &Demonstrations,
) -> Result<(Vec<Tensor>, Vec<Vec<Question>>), Fault> {
    let made = |seed: usize| cache(seed as u32, dtype).map_err(|error| Fault::Wrong(failed(error)));
    let (mut current, mut asked) = (made(0)?, Vec::with_capacity(steps));
    for number in 2..2 + steps {
        let (update, of_step) = step(optimizer, number, &slots(&current, &made(number)?), demonstrations)?;
        current = update.cache;
        asked.push(of_step);
    }
    Ok((current, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demonstrations_stand_side_by_side() {
        let spans = |positions, count| {
            let made = demonstrations(positions, count, 2);
            assert_eq!((made.ids.len(), made.queries.len(), made.held_out.len()), (positions, made.spans.len(), 2));
            made.spans.into_iter().map(|span| (span.tokens, span.answer)).collect::<Vec<_>>()
        };
        assert_eq!(spans(7, 3), [(0..2, 1..2), (2..4, 3..4), (4..7, 6..7)]);
        assert_eq!(spans(1, 3), [(0..1, 0..1)]);
    }
}
