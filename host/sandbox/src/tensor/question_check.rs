//! What an optimizer asks about: whether a cache has the slots' shapes, and a pass fits the demonstrations.

use std::ops::Range;

use candle_core::Tensor;

use super::shape_check::{invalid_arguments, shown};
use crate::bindings::model;
use crate::state::step::StepSlot;
use crate::trap::HostTrap;
use ft_engine::model::KvCache;
use ft_engine::model::error::without_backtrace;
use ft_engine::tune::{Positions, ProposalPass};

/// The cache that these matrices are, if they have the shapes and dtypes of the slots.
pub(crate) fn cache_of(operation: &'static str, slots: &[StepSlot], matrices: &[Tensor]) -> Result<KvCache, HostTrap> {
    if matrices.len() != slots.len() {
        let problem = format!("expected {} matrices, one for each slot, got {}", slots.len(), matrices.len());
        return Err(invalid_arguments(operation, problem));
    }
    for (index, (slot, matrix)) in slots.iter().zip(matrices).enumerate() {
        let expected = &slot.matrix.tensor;
        if matrix.dims() != expected.dims() || matrix.dtype() != expected.dtype() {
            let problem = format!("expected {} for slot {index}, got {}", shown(expected), shown(matrix));
            return Err(invalid_arguments(operation, problem));
        }
    }
    KvCache::of_matrices(matrices.iter().cloned())
        .map_err(|source| HostTrap::Device { operation, source: without_backtrace(source) })
}

/// The pass as the loop knows it, if it fits a cache of so many positions and so many demonstrations. What says nothing is
/// left out: empty spans, and the order of the cache. Spans that overlap or touch become one, so that what the host does with
/// them is bounded by the positions, and not by how many a plugin has written down.
pub(crate) fn pass_of(
    operation: &'static str,
    pass: model::Pass,
    positions: usize,
    demonstrations: usize,
) -> Result<ProposalPass, HostTrap> {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for span in pass.hidden {
        let (start, end) = (span.start as usize, span.end as usize);
        if start > end || end > positions {
            let problem = format!("expected hidden spans with start <= end within 0..{positions}, got {start}..{end}");
            return Err(invalid_arguments(operation, problem));
        }
        if start < end {
            hidden.push(start..end);
        }
    }
    let hidden = merged(hidden);
    let is_long = pass.order.len() > demonstrations;
    let mut order: Vec<usize> = pass.order.iter().take(demonstrations + 1).map(|index| *index as usize).collect();
    if !order.is_empty() && (is_long || !is_permutation(&order, demonstrations)) {
        let problem =
            format!("expected an order of {demonstrations} demonstrations, each once, got {}", listed(&pass.order));
        return Err(invalid_arguments(operation, problem));
    }
    if order.is_sorted() {
        order.clear();
    }
    let positions = match pass.positions {
        model::Positions::Configured => None,
        model::Positions::Continue => Some(Positions::Continue),
        model::Positions::Restart => Some(Positions::Restart),
    };
    Ok(ProposalPass { positions, hidden, order })
}

/// Spans that neither overlap nor touch, in order, over the same positions.
fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// Whether each of the first `count` indices is there once.
fn is_permutation(order: &[usize], count: usize) -> bool {
    let mut seen = vec![false; count];
    order.len() == count
        && order.iter().all(|index| seen.get_mut(*index).is_some_and(|seen| !std::mem::replace(seen, true)))
}

/// The first indices of an order, as messages show them.
fn listed(order: &[u32]) -> String {
    const SHOWN: usize = 8;
    let first: Vec<String> = order.iter().take(SHOWN).map(ToString::to_string).collect();
    let rest = if order.len() > SHOWN { format!(", ... ({} in all)", order.len()) } else { String::new() };
    format!("[{}{rest}]", first.join(", "))
}

/// The rate of a dropout, if it is a probability below 1.
pub(crate) fn rate_of(operation: &'static str, rate: f64) -> Result<f64, HostTrap> {
    if (0.0..1.0).contains(&rate) {
        return Ok(rate);
    }
    Err(invalid_arguments(operation, format!("expected a dropout from 0 to below 1, got {rate}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_spans_as_a_plugin_likes_are_as_few_as_they_can_be() {
        assert_eq!(merged(vec![4..6, 0..2, 5..9, 2..3, 20..21]), [0..3, 4..9, 20..21]);
        let many = model::Pass {
            positions: model::Positions::Configured,
            hidden: vec![model::Span { start: 1, end: 7 }; 100_000],
            order: Vec::new(),
        };
        assert_eq!(pass_of("step-context.propose", many, 8, 2).unwrap().hidden, vec![1..7]);
    }

    #[test]
    fn a_long_order_is_refused_by_its_length() {
        let pass = model::Pass {
            positions: model::Positions::Configured,
            hidden: Vec::new(),
            order: (0..1_000_000).collect(),
        };
        let error = pass_of("step-context.propose", pass, 8, 2).unwrap_err().to_string();
        assert!(error.contains("expected an order of 2 demonstrations, each once, got [0, 1, "), "{error}");
        assert!(error.contains("(1000000 in all)"), "{error}");
    }
}
