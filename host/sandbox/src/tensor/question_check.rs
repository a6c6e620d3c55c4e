//! What an optimizer asks about: whether a cache has the slots' shapes, and a pass fits the demonstrations.

use std::ops::Range;

use candle_core::Tensor;

use super::shape_check::{invalid_arguments, shown};
use crate::bindings::model;
use crate::state::step::StepSlot;
use crate::trap::HostTrap;
use ft_engine::model::KvCache;
use ft_engine::model::decoder::LayerCache;
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
    let (layers, _) = matrices.as_chunks();
    let layers = layers.iter().map(|[keys, values]| LayerCache { keys: keys.clone(), values: values.clone() });
    KvCache::new(layers.collect()).map_err(|source| HostTrap::Device { operation, source: without_backtrace(source) })
}

/// The pass as the loop knows it, if it fits a cache of so many positions and so many demonstrations. What says nothing is
/// left out: empty spans, and the order of the cache.
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
    let mut order: Vec<usize> = pass.order.iter().map(|index| *index as usize).collect();
    if !order.is_empty() && !is_permutation(&order, demonstrations) {
        let problem =
            format!("expected an order of {demonstrations} demonstrations, each once, got {}", listed(&order));
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

/// Whether each of the first `count` indices is there once.
fn is_permutation(order: &[usize], count: usize) -> bool {
    let mut seen = vec![false; count];
    order.len() == count
        && order.iter().all(|index| seen.get_mut(*index).is_some_and(|seen| !std::mem::replace(seen, true)))
}

/// The first indices of an order, as messages show them.
fn listed(order: &[usize]) -> String {
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
