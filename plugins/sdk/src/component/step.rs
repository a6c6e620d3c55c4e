//! The host's step as the [`Context`] of a [`Step`](crate::Step).

use std::ops::Range;

use super::optimizer::world::forward_tuning::plugin::{model, tensor, types};
use crate::step::Context;
use crate::{
    Demonstration, Dropout, Error, ErrorKind, Examples, Gradient, Objective, Pass, Positions, Slot, SlotKind, Tensor,
};

/// A step that the host lends for one call.
pub(super) struct HostStep<'a>(pub(super) &'a model::StepContext);

impl Context for HostStep<'_> {
    fn number(&self) -> u32 {
        self.0.number()
    }

    fn seed(&self) -> u64 {
        self.0.seed()
    }

    fn slots(&self) -> Vec<Slot> {
        self.0.slots().into_iter().map(slot_in).collect()
    }

    fn demonstrations(&self) -> Vec<Demonstration> {
        let demonstrations = self.0.demonstrations().into_iter();
        let span_in = |span: model::Span| span.start..span.end;
        demonstrations.map(|one| Demonstration { tokens: span_in(one.tokens), answer: span_in(one.answer) }).collect()
    }

    fn held_out_rows(&self) -> u32 {
        self.0.held_out_rows()
    }

    fn passes_left(&self) -> u32 {
        self.0.passes_left()
    }

    fn propose(&self, cache: &[&Tensor], pass: &Pass) -> Result<Vec<Tensor>, Error> {
        let proposed = self.0.propose(&handles(cache), &pass_out(pass)).map_err(error_in)?;
        Ok(proposed.into_iter().map(Tensor).collect())
    }

    fn likelihood(&self, cache: &[&Tensor], examples: Examples, objective: Objective) -> Result<Vec<f64>, Error> {
        self.0.likelihood(&handles(cache), examples_out(examples), objective_out(objective)).map_err(error_in)
    }

    fn gradient(
        &self,
        cache: &[&Tensor],
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<Gradient, Error> {
        let (examples, objective) = (examples_out(examples), objective_out(objective));
        let gradient = self.0.gradient(&handles(cache), examples, objective, dropout.rate, dropout.seed);
        let model::Gradient { loss, likelihoods, slots } = gradient.map_err(error_in)?;
        Ok(Gradient { loss, likelihoods, slots: slots.into_iter().map(Tensor).collect() })
    }
}

fn handles<'a>(cache: &[&'a Tensor]) -> Vec<&'a tensor::Tensor> {
    cache.iter().map(|tensor| &tensor.0).collect()
}

fn slot_in(slot: model::Slot) -> Slot {
    let kind = match slot.kind {
        model::SlotKind::Key => SlotKind::Key,
        model::SlotKind::Value => SlotKind::Value,
    };
    Slot { layer: slot.layer, kind, matrix: Tensor(slot.matrix) }
}

fn pass_out(pass: &Pass) -> model::Pass {
    let positions = match pass.positions {
        Positions::Configured => model::Positions::Configured,
        Positions::Continue => model::Positions::Continue,
        Positions::Restart => model::Positions::Restart,
    };
    let span_out = |&Range { start, end }: &Range<u32>| model::Span { start, end };
    model::Pass { positions, hidden: pass.hidden.iter().map(span_out).collect(), order: pass.order.clone() }
}

fn examples_out(examples: Examples) -> model::Examples {
    match examples {
        Examples::LeaveOneOut => model::Examples::LeaveOneOut,
        Examples::Demonstrations => model::Examples::Demonstrations,
        Examples::HeldOut => model::Examples::HeldOut,
    }
}

fn objective_out(objective: Objective) -> model::Objective {
    match objective {
        Objective::Answer => model::Objective::Answer,
        Objective::Choice => model::Objective::Choice,
    }
}

fn error_in(error: types::Error) -> Error {
    let kind = match error.kind {
        types::ErrorKind::InvalidOption => ErrorKind::InvalidOption,
        types::ErrorKind::InvalidData => ErrorKind::InvalidData,
        types::ErrorKind::Unsupported => ErrorKind::Unsupported,
        types::ErrorKind::Failed => ErrorKind::Failed,
    };
    Error { kind, message: error.message }
}
