//! A pass over the demonstrations as an optimizer asks for it: behind any cache, some of it hidden, in any order.

use std::ops::Range;

use candle_core::Tensor;

use super::demonstrations::Demonstrations;
use super::positions::Positions;
use super::question::{ProposalPass, QuestionError, Unanswerable};
use crate::model::decoder::{Batch, LayerCache, TokenTree};
use crate::model::{Context, Decoder, KvCache};

/// The keys and values of a pass behind a context, in the order of the demonstrations' tokens. Rotary keys are turned to the
/// positions that a pass in that order gives them.
///
/// # Errors
/// Positions to hide that are not there, an order that is none of the demonstrations; propagates model errors.
pub(super) fn pass_behind(
    decoder: &Decoder,
    context: &Context,
    demonstrations: &Demonstrations,
    (positions, pass): (Positions, &ProposalPass),
) -> Result<KvCache, QuestionError> {
    let order = order_of(context.cache.positions(), demonstrations, pass)?;
    let ids: Vec<u32> = order.places().map(|place| demonstrations.ids[place]).collect();
    let first_position = pass.positions.unwrap_or(positions).first(ids.len());
    if let Some(limit) = decoder.config().max_positions.filter(|limit| first_position + ids.len() > *limit) {
        let asked = first_position + ids.len();
        let problem = format!("expected a pass within the model's {limit} positions, got one that takes {asked}");
        return Err(QuestionError::Invalid(problem));
    }
    let (trees, last, hidden) = ([TokenTree::chain(&ids)], [ids.len() - 1], [pass.hidden.clone()]);
    let batch = Batch { first_position, hidden: &hidden, ..Batch::after(context, &trees, &last) };
    let read = decoder.forward(batch)?.cache;
    if order.is_their_own() {
        return Ok(read);
    }
    let position = |place: usize| (first_position + place) as u32;
    let (there, home): (Vec<u32>, Vec<u32>) =
        order.places().enumerate().map(|(there, home)| (position(there), position(home))).unzip();
    order.restored(&decoder.turned(&read, &there, &home)?)
}

/// The order of a pass behind a cache of so many positions.
///
/// # Errors
/// Positions to hide that are not there, an order that is none of the demonstrations.
pub(super) fn order_of(
    past: usize,
    demonstrations: &Demonstrations,
    pass: &ProposalPass,
) -> Result<Order, QuestionError> {
    if let Some(span) = pass.hidden.iter().find(|span| span.start > span.end || span.end > past) {
        let problem = format!("expected positions within 0..{past} to hide, got {}..{}", span.start, span.end);
        return Err(QuestionError::Invalid(problem));
    }
    Order::new(demonstrations, &pass.order)
}

/// Parts of a text in another order.
pub(super) struct Order {
    /// Parts of the text's tokens as the pass reads them.
    parts: Vec<Range<usize>>,
}

impl Order {
    /// The demonstrations in an order, `[2, 0, 1]` for the third first; what stands before the first of them stays there.
    fn new(demonstrations: &Demonstrations, order: &[usize]) -> Result<Self, QuestionError> {
        let Demonstrations { ids, spans, .. } = demonstrations;
        if order.is_empty() {
            return Ok(Self { parts: std::iter::once(0..ids.len()).collect() });
        }
        // Side by side up to the last token, or what the pass gives would not be a whole cache.
        let are_whole = spans.windows(2).all(|pair| pair[0].tokens.end == pair[1].tokens.start)
            && spans.last().is_some_and(|last| last.tokens.end == ids.len());
        if !are_whole {
            return Err(Unanswerable::NotApart.into());
        }
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..spans.len()) {
            let problem = format!("expected an order of {} demonstrations, each once, got {order:?}", spans.len());
            return Err(QuestionError::Invalid(problem));
        }
        let before = 0..spans[0].tokens.start;
        Ok(Self { parts: std::iter::once(before).chain(order.iter().map(|at| spans[*at].tokens.clone())).collect() })
    }

    /// For each token of the pass its place in the text.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().cloned().flatten()
    }

    fn is_their_own(&self) -> bool {
        self.places().is_sorted()
    }

    /// What the pass gave, in the text's order.
    fn restored(&self, read: &KvCache) -> Result<KvCache, QuestionError> {
        let mut from = vec![0u32; read.positions()];
        self.places().enumerate().for_each(|(there, home)| from[home] = there as u32);
        let layers = read.layers().iter().map(|layer| -> candle_core::Result<LayerCache> {
            let index = Tensor::new(from.as_slice(), layer.keys.device())?;
            let moved = |matrix: &Tensor| matrix.index_select(&index, 1)?.contiguous();
            Ok(LayerCache { keys: moved(&layer.keys)?, values: moved(&layer.values)? })
        });
        Ok(KvCache::new(layers.collect::<candle_core::Result<_>>()?)?)
    }
}
