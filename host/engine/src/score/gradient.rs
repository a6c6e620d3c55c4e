//! Log-likelihoods of choices behind a context of which each query sees a part, and their gradient with respect to it.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;

use super::log_probs::log_probs;
use super::{ChoiceScore, Packed, QueryTokens, pack};
use crate::model::decoder::{Batch, DecoderConfig};
use crate::model::{Context, Decoder, KvCache, ModelError};
use ft_kernels::elementwise::{exponentials, scale};

/// Rows whose logits, and derivatives with respect to them, are there at once.
const ROWS: usize = 32;

/// Bytes of final states and logits that are there at a time for the gradient of so many counted tokens, and of the derivatives
/// with respect to them.
pub(crate) fn gradient_logits_bytes(config: &DecoderConfig, predictions: usize) -> u64 {
    // Logits, the derivatives with respect to them, and these once more for the product back.
    let logits = (predictions.min(ROWS) as u64).saturating_mul(config.vocabulary as u64).saturating_mul(3);
    let states = (predictions as u64).saturating_mul(config.embedding as u64).saturating_mul(2);
    logits.saturating_add(states).saturating_mul(size_of::<f32>() as u64)
}

/// Queries of one pass behind a context, each with the positions of the context that it does not see.
#[derive(Clone, Copy)]
pub struct MaskedQueries<'a> {
    /// The queries; each has a choice of two tokens or more, so that a pass has something to run.
    pub queries: &'a [QueryTokens],
    /// For each query the positions of the context that none of its tokens sees; empty where all queries see all.
    pub hidden: &'a [Vec<Range<usize>>],
}

/// How much each choice's log-likelihood counts in a loss, its derivative: for each query of a pass its choices' weights, from
/// their scores.
pub type Weigh<'a> = dyn FnMut(&[Vec<ChoiceScore>]) -> Vec<Vec<f64>> + 'a;

/// The scores of every choice of every query. A token that no token of its own query stands before is not counted: what would
/// predict it is the context's last token, which has seen what is hidden from the query.
///
/// # Errors
/// Positions or tokens out of the model's range; a failed computation.
pub fn masked_scores(
    decoder: &Decoder,
    context: &Context,
    masked: MaskedQueries<'_>,
) -> Result<Vec<Vec<ChoiceScore>>, ModelError> {
    let packed = Reads::of(masked);
    if packed.pairs.is_empty() {
        return Ok(packed.scores(&[]));
    }
    let output = decoder.forward(packed.batch(context))?;
    Ok(packed.scores(&log_probs(decoder, &output.hidden_states, &packed.pairs)?))
}

/// The scores of every choice, and the gradient with respect to the context's keys and values of the loss whose derivatives with
/// respect to the choices' log-likelihoods `weigh` gives; in f32, of the cache's shapes. `None` where no token is counted.
///
/// # Errors
/// Positions or tokens out of the model's range; a failed computation.
pub fn masked_gradient(
    decoder: &Decoder,
    context: &Context,
    masked: MaskedQueries<'_>,
    weigh: &mut Weigh<'_>,
) -> Result<(Vec<Vec<ChoiceScore>>, Option<KvCache>), ModelError> {
    let packed = Reads::of(masked);
    if packed.pairs.is_empty() {
        return Ok((packed.scores(&[]), None));
    }
    let mut scores = Vec::new();
    let mut failed = None;
    let gradient = decoder.context_gradient(packed.batch(context), &mut |states| {
        let mut derivative = || -> Result<Tensor, ModelError> {
            scores = packed.scores(&log_probs(decoder, states, &packed.pairs)?);
            let weights = weigh(&scores);
            of_states(decoder, states, &packed.weighted(&weights))
        };
        derivative().map_err(|error| {
            let message = error.to_string();
            failed = Some(error);
            candle_core::Error::Msg(message)
        })
    });
    match (gradient, failed) {
        (_, Some(error)) => Err(error),
        (gradient, None) => Ok((scores, Some(gradient?))),
    }
}

/// Packed queries, and what is read of them, without what the context's last token predicts.
struct Reads<'a> {
    packed: Packed,
    masked: MaskedQueries<'a>,
    /// For each counted token the output row that predicts it, and the token.
    pairs: Vec<(usize, u32)>,
    /// The query and choice of each.
    owners: Vec<(usize, usize)>,
    /// For each tree of the batch what is hidden from it.
    hidden: Vec<Vec<Range<usize>>>,
}

impl<'a> Reads<'a> {
    fn of(masked: MaskedQueries<'a>) -> Self {
        let packed = pack(masked.queries);
        let inside = packed.reads.iter().filter_map(|read| read.row.map(|row| (row, read)));
        let (pairs, owners) = inside.map(|(row, read)| ((row, read.token), (read.query, read.choice))).unzip();
        // Trees without tokens are not run.
        let hidden = masked.queries.iter().zip(masked.hidden).filter(|(query, _)| query.tree_tokens() > 0);
        let hidden = hidden.map(|(_, hidden)| hidden.clone()).collect();
        Self { packed, masked, pairs, owners, hidden }
    }

    fn batch<'b>(&'b self, context: &'b Context) -> Batch<'b> {
        let Packed { trees, output_rows, .. } = &self.packed;
        Batch { hidden: &self.hidden, ..Batch::after(context, trees, output_rows) }
    }

    fn scores(&self, log_probs: &[f64]) -> Vec<Vec<ChoiceScore>> {
        let none = |query: &QueryTokens| vec![ChoiceScore { loglik: 0.0, tokens: 0 }; query.choices.len()];
        let mut scores: Vec<Vec<ChoiceScore>> = self.masked.queries.iter().map(none).collect();
        for ((query, choice), log_prob) in self.owners.iter().zip(log_probs) {
            let score = &mut scores[*query][*choice];
            score.loglik += log_prob;
            score.tokens += 1;
        }
        scores
    }

    /// The counted tokens with their choices' weights, in the order of their rows.
    fn weighted(&self, weights: &[Vec<f64>]) -> Vec<Weighted> {
        let owners = self.pairs.iter().zip(&self.owners);
        let mut weighted: Vec<Weighted> = owners
            .map(|((row, token), (query, choice))| Weighted {
                row: *row,
                token: *token,
                weight: weights[*query][*choice],
            })
            .collect();
        weighted.sort_by_key(|read| read.row);
        weighted
    }
}

/// A token, the row that predicts it, and the loss's derivative with respect to its log-probability.
struct Weighted {
    row: usize,
    token: u32,
    weight: f64,
}

/// The loss's derivative with respect to final states `[rows, embedding]`, in f32.
fn of_states(decoder: &Decoder, states: &Tensor, weighted: &[Weighted]) -> Result<Tensor, ModelError> {
    let rows = states.dim(0)?;
    let mut parts = Vec::with_capacity(rows.div_ceil(ROWS));
    let mut pending = weighted;
    for start in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - start);
        let (here, later) = pending.split_at(pending.partition_point(|read| read.row < start + count));
        pending = later;
        let logits = decoder.logits(&states.narrow(0, start, count)?)?;
        let local: Vec<Weighted> = here.iter().map(|read| Weighted { row: read.row - start, ..*read }).collect();
        let d = match logits.device() {
            Device::Cpu => of_logits_on_cpu(&logits, &local)?,
            _ => of_logits(&logits, &local)?,
        };
        parts.push(decoder.logits_back(&logits, &d)?);
    }
    Ok(Tensor::cat(&parts, 0)?)
}

/// The derivative with respect to logits `[rows, vocabulary]`: `weight * (one at the token - softmax)`, added up over a row's tokens.
fn of_logits_on_cpu(logits: &Tensor, weighted: &[Weighted]) -> candle_core::Result<Tensor> {
    let (rows, vocabulary) = logits.dims2()?;
    let mut d = logits.flatten_all()?.to_vec1::<f32>()?;
    let sums = row_sums(rows, weighted);
    d.par_chunks_mut(vocabulary.max(1)).zip(&sums).for_each(|(row, weight)| {
        let sum = exponentials(row);
        scale(row, (-weight / f64::from(sum)) as f32);
    });
    for Weighted { row, token, weight } in weighted {
        d[row * vocabulary + *token as usize] += *weight as f32;
    }
    Tensor::from_vec(d, (rows, vocabulary), logits.device())
}

/// [`of_logits_on_cpu`] by the tensor library's operations, on any device.
fn of_logits(logits: &Tensor, weighted: &[Weighted]) -> candle_core::Result<Tensor> {
    let (rows, vocabulary) = logits.dims2()?;
    let device = logits.device();
    let sums: Vec<f32> = row_sums(rows, weighted).into_iter().map(|weight| -weight as f32).collect();
    let softmax = logits.broadcast_sub(&logits.log_sum_exp(D::Minus1)?.unsqueeze(1)?)?.exp()?;
    let d = softmax.broadcast_mul(&Tensor::from_vec(sums, (rows, 1), device)?)?.flatten_all()?;
    let places: Vec<u32> = weighted.iter().map(|read| (read.row * vocabulary) as u32 + read.token).collect();
    let weights: Vec<f32> = weighted.iter().map(|read| read.weight as f32).collect();
    if places.is_empty() {
        return d.reshape((rows, vocabulary));
    }
    let ones = Tensor::new(weights, device)?.to_dtype(DType::F32)?;
    d.index_add(&Tensor::new(places, device)?, &ones, 0)?.reshape((rows, vocabulary))
}

/// The sum of the weights of each row.
fn row_sums(rows: usize, weighted: &[Weighted]) -> Vec<f64> {
    let mut sums = vec![0f64; rows];
    weighted.iter().for_each(|read| sums[read.row] += read.weight);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_log_probabilities_are_their_formula() {
        let logits: Vec<f32> = (0..33).map(|i| ((i * 29 % 23) as f32 - 11.0) / 3.0).collect();
        let logits = Tensor::from_vec(logits, (3, 11), &Device::Cpu).unwrap();
        // A row with two tokens, one of them twice, one with one, and one with none.
        let weighted = [(0, 3, -0.5), (0, 3, -0.25), (0, 10, 0.5), (2, 7, -1.0)];
        let weighted = weighted.map(|(row, token, weight)| Weighted { row, token, weight });
        let found = of_logits_on_cpu(&logits, &weighted).unwrap().to_vec2::<f32>().unwrap();
        let composed = of_logits(&logits, &weighted).unwrap().to_vec2::<f32>().unwrap();
        for (row, logits) in logits.to_vec2::<f32>().unwrap().iter().enumerate() {
            let sum: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
            for (token, logit) in logits.iter().enumerate() {
                let softmax = f64::from(*logit).exp() / sum;
                let of_row = weighted.iter().filter(|read| read.row == row);
                let expected: f64 = of_row
                    .map(|read| read.weight * (f64::from(u8::from(read.token as usize == token)) - softmax))
                    .sum();
                assert!((f64::from(found[row][token]) - expected).abs() < 1e-6);
                assert!((f64::from(composed[row][token]) - expected).abs() < 1e-6);
            }
        }
    }
}
