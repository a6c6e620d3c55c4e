//! Softmax over attention scores, with the scale, the mask and ALiBi folded in, and the row's log-sum-exp beside it.

use candle_core::{D, DType, Result, Tensor};

/// How the rows of a score matrix `[groups * kv_heads, repeats * queries, keys]` belong together:
/// row `(g * kv_heads + h, r * queries + q)` is query `q` of group `g` under head `h * repeats + r`.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Query heads per key/value head.
    pub repeats: usize,
    /// Queries of a group.
    pub queries: usize,
}

/// What is added to the scaled scores.
#[derive(Clone, Copy, Default)]
pub(super) struct Bias<'a> {
    /// `[groups, queries, keys]`.
    pub mask: Option<&'a Tensor>,
    /// Slopes `[heads]` and key indices `[groups, keys]`.
    pub alibi: Option<(&'a Tensor, &'a Tensor)>,
}

/// `softmax(cap(scale * scores) + bias)` over the keys, and each row's log-sum-exp, `[..., 1]`; both f32.
/// `cap(s)` is `softcap * tanh(s / softcap)`, or `s` where there is no cap.
///
/// # Errors
/// A failed computation.
pub(super) fn masked_softmax(
    scores: &Tensor,
    rows: Rows,
    scale: f64,
    softcap: Option<f64>,
    bias: Bias<'_>,
) -> Result<(Tensor, Tensor)> {
    let scores = scores.to_dtype(DType::F32)?;
    let (outer, inner, keys) = scores.dims3()?;
    let Rows { kv_heads, repeats, queries } = rows;
    let groups = outer / kv_heads;
    let mut scores = capped((scores * scale)?, softcap)?.reshape((groups, kv_heads, repeats, queries, keys))?;
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

/// `cap * tanh(x / cap)`, where there is a cap.
pub(super) fn capped(x: Tensor, cap: Option<f64>) -> Result<Tensor> {
    match cap {
        Some(cap) => (x / cap)?.tanh()? * cap,
        None => Ok(x),
    }
}
