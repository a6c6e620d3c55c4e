//! Softmax over attention scores, with the scale, the mask and ALiBi folded in, and the row's log-sum-exp beside it.

use candle_core::{D, DType, Device, Result, Storage, Tensor};
use rayon::prelude::*;

/// How the rows of a score matrix `[groups * kv_heads, repeats * queries, keys]` belong together:
/// row `(g * kv_heads + h, r * queries + q)` is query `q` of group `g` under head `h * repeats + r`.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Key/value heads.
    pub kv_heads: usize,
    /// Query heads per key/value head.
    pub repeats: usize,
    /// Queries of a group.
    pub queries: usize,
}

/// What is added to the scaled scores.
#[derive(Clone, Copy, Default)]
pub struct Bias<'a> {
    /// `[groups, queries, keys]`.
    pub mask: Option<&'a Tensor>,
    /// Slopes `[heads]` and key indices `[groups, keys]`.
    pub alibi: Option<(&'a Tensor, &'a Tensor)>,
}

/// `softmax(scale * scores + bias)` over the keys, and each row's log-sum-exp, `[..., 1]`; both f32.
///
/// # Errors
/// A failed computation.
pub fn masked_softmax(scores: &Tensor, rows: Rows, scale: f64, bias: Bias<'_>) -> Result<(Tensor, Tensor)> {
    let scores = scores.to_dtype(DType::F32)?;
    if matches!(scores.device(), Device::Cpu) {
        fused(&scores, rows, scale as f32, bias)
    } else {
        composed(&scores, rows, scale, bias)
    }
}

/// One pass per row over the CPU's memory.
fn fused(scores: &Tensor, rows: Rows, scale: f32, bias: Bias<'_>) -> Result<(Tensor, Tensor)> {
    let (outer, inner, keys) = scores.dims3()?;
    let mask = bias.mask.map(values).transpose()?;
    let alibi = bias.alibi.map(|(slopes, index)| Ok::<_, candle_core::Error>((values(slopes)?, values(index)?)));
    let alibi = alibi.transpose()?;
    let mut weights = values(scores)?;
    let mut sums = vec![0f32; outer * inner];
    weights.par_chunks_mut(keys.max(1)).zip(sums.par_iter_mut()).enumerate().with_min_len(16).for_each(
        |(row, (weights, sum))| {
            let (outer, inner) = (row / inner, row % inner);
            let (group, head) = (outer / rows.kv_heads, outer % rows.kv_heads * rows.repeats + inner / rows.queries);
            let query = inner % rows.queries;
            weights.iter_mut().for_each(|w| *w *= scale);
            if let Some(mask) = &mask {
                let mask = &mask[(group * rows.queries + query) * keys..][..keys];
                weights.iter_mut().zip(mask).for_each(|(w, m)| *w += m);
            }
            if let Some((slopes, index)) = &alibi {
                let index = &index[group * keys..][..keys];
                weights.iter_mut().zip(index).for_each(|(w, i)| *w += slopes[head] * i);
            }
            *sum = softmax_row(weights);
        },
    );
    let shape = scores.shape().clone();
    Ok((Tensor::from_vec(weights, shape, &Device::Cpu)?, Tensor::from_vec(sums, (outer, inner, 1), &Device::Cpu)?))
}

/// Turns scores into weights and gives their log-sum-exp.
fn softmax_row(row: &mut [f32]) -> f32 {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0f32;
    for x in row.iter_mut() {
        *x = (*x - max).exp();
        sum += *x;
    }
    let inverse = 1.0 / sum;
    row.iter_mut().for_each(|x| *x *= inverse);
    max + sum.ln()
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(storage.as_slice::<f32>()?[start..end].to_vec()),
        _ => tensor.flatten_all()?.to_vec1(),
    }
}

/// The same from the tensor library's operations, for devices other than the CPU.
fn composed(scores: &Tensor, rows: Rows, scale: f64, bias: Bias<'_>) -> Result<(Tensor, Tensor)> {
    let (outer, inner, keys) = scores.dims3()?;
    let Rows { kv_heads, repeats, queries } = rows;
    let groups = outer / kv_heads;
    let mut scores = (scores * scale)?.reshape((groups, kv_heads, repeats, queries, keys))?;
    if let Some(mask) = bias.mask {
        scores = scores.broadcast_add(&mask.reshape((groups, 1, 1, queries, keys))?)?;
    }
    if let Some((slopes, index)) = bias.alibi {
        let slopes = slopes.reshape((1, kv_heads, repeats, 1, 1))?;
        scores = scores.broadcast_add(&slopes.broadcast_mul(&index.reshape((groups, 1, 1, 1, keys))?)?)?;
    }
    let max = scores.max_keepdim(D::Minus1)?;
    let weights = scores.broadcast_sub(&max)?.exp()?;
    let sum = weights.sum_keepdim(D::Minus1)?;
    let weights = weights.broadcast_div(&sum)?.reshape((outer, inner, keys))?;
    let log_sum = (max + sum.log()?)?.reshape((outer, inner, 1))?;
    Ok((weights, log_sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn fused_equals_composed() {
        let device = Device::Cpu;
        let rows = Rows { kv_heads: 2, repeats: 3, queries: 4 };
        let scores = Tensor::randn(0f32, 2.0, (2 * 2, 3 * 4, 5), &device).unwrap();
        let mask = Tensor::rand(0f32, 1.0, (2, 4, 5), &device).unwrap();
        let mask =
            (mask.lt(0.4).unwrap().to_dtype(DType::F32).unwrap() * f64::from(super::super::plan::UNSEEN)).unwrap();
        let slopes = Tensor::randn(0f32, 1.0, 6, &device).unwrap();
        let index = Tensor::randn(0f32, 1.0, (2, 5), &device).unwrap();
        for bias in [
            Bias::default(),
            Bias { mask: Some(&mask), alibi: None },
            Bias { mask: Some(&mask), alibi: Some((&slopes, &index)) },
        ] {
            let (weights, sums) = fused(&scores, rows, 0.3, bias).unwrap();
            let (expected, expected_sums) = composed(&scores, rows, 0.3, bias).unwrap();
            assert!(worst(&weights, &expected) < 1e-6);
            // A row that sees nothing has the log-sum-exp of its mask, about -1e30: compare where it is a number of note.
            assert!(worst(&sums.maximum(-100.0).unwrap(), &expected_sums.maximum(-100.0).unwrap()) < 1e-5);
        }
    }
}
