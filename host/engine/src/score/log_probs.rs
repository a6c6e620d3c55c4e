//! Log-probabilities of chosen tokens from final hidden states, without keeping logits that nobody reads.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::model::decoder::{DecoderConfig, Placement};
use crate::model::{Decoder, ModelError};
use ft_kernels::elementwise::log_sum_parts;

/// Rows that go through the output head at a time; bounds the memory of their logits.
const ROWS: usize = 256;
/// Tokens whose logits are there at a time on the CPU.
const TOKENS: usize = 128 * Decoder::LOGIT_STEP;

/// Bytes of the hidden states of `rows` tokens and of the logits that are there at a time.
pub(super) fn logits_bytes(config: &DecoderConfig, placement: &Placement, rows: usize) -> u64 {
    let at_once = rows.min(ROWS) as u64;
    let (logits, number) = match placement.device {
        Device::Cpu => (TOKENS.min(config.vocabulary) as u64 * 4, 4),
        // The logits, their difference to the largest, and its exponentials.
        _ => (config.vocabulary as u64 * 12, placement.dtype.size_in_bytes()),
    };
    let states = (rows as u64).saturating_mul((config.embedding as u64).saturating_mul(number as u64));
    states.saturating_add(at_once.saturating_mul(logits))
}

/// For each pair of a row of `hidden_states` `[rows, embedding]` and a token, the natural log-probability of that token as
/// the row predicts it. Pairs may come in any order and share rows.
///
/// # Errors
/// A token out of the vocabulary; a failed computation.
pub(super) fn log_probs(
    decoder: &Decoder,
    hidden_states: &Tensor,
    pairs: &[(usize, u32)],
) -> Result<Vec<f64>, ModelError> {
    let mut result = vec![0.0; pairs.len()];
    let vocabulary = decoder.config().vocabulary;
    if let Some((_, id)) = pairs.iter().find(|(_, token)| *token as usize >= vocabulary) {
        return Err(ModelError::TokenOutOfRange { id: *id, vocabulary });
    }
    let rows = hidden_states.dim(0)?;
    let mut by_row: Vec<usize> = (0..pairs.len()).collect();
    by_row.sort_by_key(|pair| pairs[*pair].0);
    // Pairs of rows that have not gone through the head yet.
    let mut pending = by_row.as_slice();
    for start in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - start);
        let (here, later) = pending.split_at(pending.partition_point(|pair| pairs[*pair].0 < start + count));
        pending = later;
        if here.is_empty() {
            continue;
        }
        let local: Vec<(usize, u32)> = here.iter().map(|pair| (pairs[*pair].0 - start, pairs[*pair].1)).collect();
        let hidden_states = hidden_states.narrow(0, start, count)?;
        let values = match hidden_states.device() {
            Device::Cpu => on_cpu(decoder, &hidden_states, &local)?,
            _ => on_device(&decoder.logits(&hidden_states)?, &local)?,
        };
        for (pair, value) in here.iter().zip(values) {
            result[*pair] = value;
        }
    }
    Ok(result)
}

/// Log-probabilities on the CPU: `logit - log(sum(exp(logits)))`, the sum over the vocabulary in one go with its largest
/// term (an online log-sum-exp). Logits are made for some tokens at a time, so that they are read again while they are in
/// the processor's cache; of what was before, a row keeps its largest logit and the sum of exponentials relative to it.
fn on_cpu(decoder: &Decoder, hidden_states: &Tensor, pairs: &[(usize, u32)]) -> Result<Vec<f64>, ModelError> {
    let vocabulary = decoder.config().vocabulary;
    let mut sums = vec![(f64::NEG_INFINITY, 0f64); hidden_states.dim(0)?];
    let mut values = vec![0f64; pairs.len()];
    let mut logits = Vec::new();
    for first in (0..vocabulary).step_by(TOKENS) {
        let tokens = first..vocabulary.min(first + TOKENS);
        let width = tokens.len();
        decoder.logits_of(hidden_states, tokens.clone(), &mut logits)?;
        sums.par_iter_mut().zip(logits.par_chunks(width)).for_each(|(sum, logits)| {
            let (largest, part) = log_sum_parts(logits);
            let largest = f64::from(largest);
            // Relative to the larger of the two, so that no exponential overflows.
            *sum = if largest > sum.0 {
                (largest, sum.1 * (sum.0 - largest).exp() + part)
            } else {
                (sum.0, sum.1 + part * (largest - sum.0).exp())
            };
        });
        for ((row, token), value) in pairs.iter().zip(&mut values) {
            if tokens.contains(&(*token as usize)) {
                *value = f64::from(logits[row * width + *token as usize - first]);
            }
        }
    }
    Ok(pairs.iter().zip(values).map(|((row, _), value)| value - sums[*row].0 - sums[*row].1.ln()).collect())
}

/// Log-probabilities by the tensor library's operations on `logits` `[rows, vocabulary]`, with one copy back from the
/// device.
fn on_device(logits: &Tensor, pairs: &[(usize, u32)]) -> candle_core::Result<Vec<f64>> {
    let (_, vocabulary) = logits.dims2()?;
    let log_sums = logits.log_sum_exp(candle_core::D::Minus1)?;
    let rows: Vec<u32> = pairs.iter().map(|(row, _)| *row as u32).collect();
    let indices: Vec<u32> = pairs.iter().map(|(row, token)| (row * vocabulary) as u32 + token).collect();
    let chosen = logits.flatten_all()?.index_select(&Tensor::new(indices, logits.device())?, 0)?;
    let log_sums = log_sums.index_select(&Tensor::new(rows, logits.device())?, 0)?;
    Ok((chosen - log_sums)?.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_are_their_formula() {
        let logits: Vec<f32> = (0..44).map(|i| ((i * 29 % 23) as f32 - 11.0) / 3.0).collect();
        let pairs = [(3, 10), (0, 0), (0, 5), (2, 7)];
        let found = on_device(&Tensor::from_vec(logits.clone(), (4, 11), &Device::Cpu).unwrap(), &pairs).unwrap();
        for ((row, token), found) in pairs.iter().zip(found) {
            let row = &logits[row * 11..][..11];
            let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
            assert!((f64::from(row[*token as usize]) - sum.ln() - found).abs() < 1e-5);
        }
    }
}
