//! Log-probabilities of chosen tokens from final states, without keeping logits that nobody reads.

use candle_core::{Device, Storage, Tensor};
use rayon::prelude::*;

use crate::model::{Decoder, ModelError};

/// Rows that go through the output head at a time; bounds the memory of their logits.
pub const ROWS: usize = 256;

/// For each pair of a row of `states` `[rows, width]` and a token, the token's natural log-probability there.
/// Pairs may come in any order and share rows.
///
/// # Errors
/// The model's.
pub fn log_probs(decoder: &Decoder, states: &Tensor, pairs: &[(usize, u32)]) -> Result<Vec<f64>, ModelError> {
    let mut result = vec![0.0; pairs.len()];
    let vocabulary = decoder.config().vocabulary;
    if let Some((_, id)) = pairs.iter().find(|(_, token)| *token as usize >= vocabulary) {
        return Err(ModelError::TokenOutOfRange { id: *id, vocabulary });
    }
    let rows = states.dim(0)?;
    let mut by_row: Vec<usize> = (0..pairs.len()).collect();
    by_row.sort_by_key(|pair| pairs[*pair].0);
    let mut pending = by_row.as_slice();
    for start in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - start);
        let (here, later) = pending.split_at(pending.partition_point(|pair| pairs[*pair].0 < start + count));
        pending = later;
        if here.is_empty() {
            continue;
        }
        let logits = decoder.logits(&states.narrow(0, start, count)?)?;
        let local: Vec<(usize, u32)> = here.iter().map(|pair| (pairs[*pair].0 - start, pairs[*pair].1)).collect();
        let values = match logits.device() {
            Device::Cpu => on_cpu(&logits, &local)?,
            _ => on_device(&logits, &local)?,
        };
        for (pair, value) in here.iter().zip(values) {
            result[*pair] = value;
        }
    }
    Ok(result)
}

/// Logits `[rows, vocabulary]` in f32; the sum of exponentials is taken in f64.
fn on_cpu(logits: &Tensor, pairs: &[(usize, u32)]) -> candle_core::Result<Vec<f64>> {
    let (rows, vocabulary) = logits.dims2()?;
    let logits = logits.contiguous()?;
    let (storage, layout) = logits.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { candle_core::bail!("logits are not in the CPU's memory") };
    let logits = &storage.as_slice::<f32>()?[layout.start_offset()..];
    let log_sums: Vec<f64> = logits[..rows * vocabulary]
        .par_chunks(vocabulary)
        .map(|row| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|x| f64::from((x - max).exp())).sum();
            f64::from(max) + sum.ln()
        })
        .collect();
    Ok(pairs
        .iter()
        .map(|(row, token)| f64::from(logits[row * vocabulary + *token as usize]) - log_sums[*row])
        .collect())
}

/// The same on another device, with one copy back.
fn on_device(logits: &Tensor, pairs: &[(usize, u32)]) -> candle_core::Result<Vec<f64>> {
    let (_, vocabulary) = logits.dims2()?;
    let log_sums = logits.log_sum_exp(candle_core::D::Minus1)?;
    let rows: Vec<u32> = pairs.iter().map(|(row, _)| *row as u32).collect();
    let places: Vec<u32> = pairs.iter().map(|(row, token)| (row * vocabulary) as u32 + token).collect();
    let chosen = logits.flatten_all()?.index_select(&Tensor::new(places, logits.device())?, 0)?;
    let log_sums = log_sums.index_select(&Tensor::new(rows, logits.device())?, 0)?;
    Ok((chosen - log_sums)?.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        let logits = Tensor::randn(0f32, 3.0, (4, 11), &Device::Cpu).unwrap();
        let pairs = [(3, 10), (0, 0), (0, 5), (2, 7)];
        let here = on_cpu(&logits, &pairs).unwrap();
        let there = on_device(&logits, &pairs).unwrap();
        assert!(here.iter().zip(there).all(|(a, b)| (a - b).abs() < 1e-5 && *a < 0.0));
    }
}
