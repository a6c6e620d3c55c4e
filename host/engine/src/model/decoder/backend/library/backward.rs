//! The pass back by the tensor library's operations, in f32 throughout.

use candle_core::{D, DType, Result, Tensor};

use super::super::super::cache::LayerCache;
use super::super::super::config::Activation;
use super::super::{Attention, Backward, Head, Heads, Linear, Norm};
use super::plan::WholeRows;
use super::softmax::{Bias, Rows, masked_softmax};
use super::{BatchPlan, Library, Projections, capped, projections};

/// Queries whose scores of all keys are there at once.
const ROWS: usize = 256;

impl Backward for Library {
    fn derivatives(&self, d: &Tensor, _work: &mut ()) -> Result<Tensor> {
        d.to_dtype(DType::F32)
    }

    fn spread_rows(&self, d: Tensor, rows: &[usize], count: usize, _work: &mut ()) -> Result<Tensor> {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let zeros = Tensor::zeros((count, d.dim(1)?), DType::F32, d.device())?;
        zeros.index_add(&Tensor::new(rows, d.device())?, &d, 0)
    }

    fn linear_back(&self, linear: &Linear<Self>, d: &Tensor, _work: &mut ()) -> Result<Tensor> {
        linear.matrix.product_transposed(d)
    }

    fn norm_back(&self, norm: &Norm<Self>, x: &Tensor, d: &Tensor, _work: &mut ()) -> Result<Tensor> {
        norm.back(x, d)
    }

    fn activate_back(
        &self,
        x: &Tensor,
        activation: Activation,
        gated: bool,
        d: &Tensor,
        _work: &mut (),
    ) -> Result<Tensor> {
        let x = x.to_dtype(DType::F32)?;
        if !gated {
            return d * derivative(&x, activation)?;
        }
        let intermediate = x.dim(1)? / 2;
        let (gate, factors) = (x.narrow(1, 0, intermediate)?, x.narrow(1, intermediate, intermediate)?);
        let of_gate = ((d * factors)? * derivative(&gate, activation)?)?;
        let mut activated = gate.contiguous()?;
        super::Backend::activate(self, &mut activated, activation, false)?;
        Tensor::cat(&[of_gate, (d * activated)?], 1)
    }

    fn attend_back(
        &self,
        attention: &Attention<Self>,
        qkv: &Tensor,
        plan: &BatchPlan,
        past: &LayerCache,
        d: Tensor,
        _work: &mut (),
    ) -> Result<(Tensor, LayerCache)> {
        let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
        let tokens = qkv.dim(0)?;
        let read = projections(attention, qkv, plan)?;
        let of = Whole::new(&read, past)?.back(attention, plan, &d)?;
        let positions = past.keys.dim(1)?;
        let by_token = |t: &Tensor| t.narrow(1, positions, tokens)?.transpose(0, 1)?.contiguous();
        let (mut queries, mut keys, values) = (of.queries, by_token(&of.keys)?, by_token(&of.values)?);
        if let Some(rotation) = attention.rotator.map(|index| &plan.rotations[index]) {
            let back = rotation.back()?;
            queries = back.rotated(&queries)?;
            keys = back.rotated(&keys)?;
        }
        if let Some((query_norm, key_norm)) = &attention.head_norms {
            let before = |start: usize, count: usize| {
                qkv.narrow(1, start * head_dim, count * head_dim)?.contiguous()?.reshape((tokens, count, head_dim))
            };
            queries = query_norm.back(&before(0, heads)?, &queries)?;
            keys = key_norm.back(&before(heads, kv_heads)?, &keys)?;
        }
        let flat = |t: Tensor, count: usize| t.reshape((tokens, count * head_dim));
        let out = Tensor::cat(&[flat(queries, heads)?, flat(keys, kv_heads)?, flat(values, kv_heads)?], 1)?;
        let of_past = |t: &Tensor| t.narrow(1, 0, positions)?.contiguous();
        Ok((out, LayerCache { keys: of_past(&of.keys)?, values: of_past(&of.values)? }))
    }

    fn logits_back(&self, head: &Head<Self>, logits: &Tensor, d: &Tensor) -> Result<Tensor> {
        let d = match head.softcap {
            Some(cap) => (d * through_cap(logits, cap)?)?,
            None => d.clone(),
        };
        head.linear.matrix.product_transposed(&d)
    }
}

impl Norm<Library> {
    /// The derivative with respect to `x` `[..., width]`, for `d` with respect to [`Norm::normalised`]; see `ft_kernels::derivatives`.
    fn back(&self, x: &Tensor, d: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(DType::F32)?;
        let (gain, eps, centred) = match self {
            Self::Layer { gain, eps, .. } => (gain, *eps, x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?),
            Self::Rms { gain, eps } => (gain, *eps, x),
        };
        let mut d = d.broadcast_mul(&gain.to_dtype(DType::F32)?)?;
        if matches!(self, Self::Layer { .. }) {
            d = d.broadcast_sub(&d.mean_keepdim(D::Minus1)?)?;
        }
        let factor = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?.recip()?;
        let along = ((&centred * &d)?.mean_keepdim(D::Minus1)? * factor.sqr()?)?;
        (d - centred.broadcast_mul(&along)?)?.broadcast_mul(&factor)
    }
}

/// The derivative of an activation at `x`, in f32.
fn derivative(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => x.gt(0f64)?.to_dtype(DType::F32),
        Activation::Silu => {
            let sigmoid = (x.neg()?.exp()? + 1.0)?.recip()?;
            let rest = (x * (1.0 - &sigmoid)?)?;
            sigmoid * (rest + 1.0)?
        }
        Activation::Gelu => {
            let below = ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? * 0.5)?;
            let density = ((x.sqr()? * -0.5)?.exp()? * (1.0 / (2.0 * std::f64::consts::PI).sqrt()))?;
            (below + 0.5)? + (x * density)?
        }
        Activation::GeluTanh => {
            let root = (2.0 / std::f64::consts::PI).sqrt();
            let cube = (x.sqr()? * x)?;
            let tanh = ((x + (cube * 0.044_715)?)? * root)?.tanh()?;
            let inner = ((x.sqr()? * (3.0 * 0.044_715))? + 1.0)?;
            let slope = (((1.0 - tanh.sqr()?)? * x)? * inner)?;
            ((tanh + 1.0)? * 0.5)? + (slope * (0.5 * root))?
        }
    }
}

/// The derivative of `cap * tanh(x / cap)`, from its result.
fn through_cap(result: &Tensor, cap: f64) -> Result<Tensor> {
    1.0 - (result / cap)?.sqr()?
}

/// One layer's queries, and the keys and values of the past and the batch side by side, in f32.
struct Whole {
    /// `[tokens, heads, head_dim]`.
    queries: Tensor,
    /// `[kv_heads, past + tokens, head_dim]`.
    keys: Tensor,
    /// `[kv_heads, past + tokens, head_dim]`.
    values: Tensor,
}

impl Whole {
    fn new(read: &Projections, past: &LayerCache) -> Result<Self> {
        let f32 = |t: &Tensor| t.to_dtype(DType::F32);
        let whole = |past: &Tensor, own: &Tensor| {
            Tensor::cat(&[f32(past)?, f32(&own.transpose(0, 1)?.contiguous()?)?], 1)?.contiguous()
        };
        Ok(Self {
            queries: f32(&read.queries)?,
            keys: whole(&past.keys, &read.keys)?,
            values: whole(&past.values, &read.values)?,
        })
    }

    /// The derivatives with respect to all three, for `d` `[tokens, heads * head_dim]` with respect to the heads' outputs.
    fn back(&self, attention: &Attention<Library>, plan: &BatchPlan, d: &Tensor) -> Result<Self> {
        let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
        let (tokens, repeats) = (self.queries.dim(0)?, heads / kv_heads);
        let d = d.reshape((tokens, heads, head_dim))?;
        let (mut queries, mut keys, mut values) = (Vec::new(), self.keys.zeros_like()?, self.values.zeros_like()?);
        for start in (0..tokens).step_by(ROWS) {
            let len = ROWS.min(tokens - start);
            // The rows of all heads that share a head of keys and values below each other.
            let by_group = |t: &Tensor| {
                let rows = t.narrow(0, start, len)?.reshape((len, kv_heads, repeats, head_dim))?;
                rows.permute((1, 2, 0, 3))?.contiguous()?.reshape((kv_heads, repeats * len, head_dim))
            };
            let (rows, d) = (by_group(&self.queries)?, by_group(&d)?);
            let WholeRows { mask, alibi } = plan.attention.whole_rows(start..start + len, attention.window)?;
            let bias = Bias { mask: Some(&mask), alibi: alibi.as_ref().map(|(slopes, index)| (slopes, index)) };
            let shape = Rows { kv_heads, repeats, queries: len };
            let scores = rows.matmul(&self.keys.t()?)?;
            let (weights, _) = masked_softmax(&scores, shape, attention.scale, attention.softcap, bias)?;
            values = (values + weights.t()?.contiguous()?.matmul(&d)?)?;
            let of_weights = d.matmul(&self.values.t()?)?;
            let mean = (&weights * &of_weights)?.sum_keepdim(D::Minus1)?;
            let mut of_scores = (&weights * of_weights.broadcast_sub(&mean)?)?;
            if let Some(cap) = attention.softcap {
                of_scores = (of_scores * through_cap(&capped((scores * attention.scale)?, Some(cap))?, cap)?)?;
            }
            let of_scores = (of_scores * attention.scale)?;
            keys = (keys + of_scores.t()?.contiguous()?.matmul(&rows)?)?;
            let of_rows = of_scores.matmul(&self.keys)?.reshape((kv_heads, repeats, len, head_dim))?;
            queries.push(of_rows.permute((2, 0, 1, 3))?.contiguous()?.reshape((len, heads, head_dim))?);
        }
        Ok(Self { queries: Tensor::cat(&queries, 0)?, keys, values })
    }
}
