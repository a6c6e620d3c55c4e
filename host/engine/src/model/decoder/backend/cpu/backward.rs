//! The pass back on the CPU.

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::super::super::cache::LayerCache;
use super::super::super::config::Activation;
use super::super::{Attention, Backward, Head, Heads, Linear, Norm};
use super::attention::{BothWays, attend_back};
use super::states::{HiddenStates, Workspace};
use super::{BatchPlan, Cpu, Rotation, Scores, activate, in_f32};
use crate::model::floats::floats;
use ft_kernels::{Rows, RowsMut, derivatives, elementwise, product_transposed};

impl Backward for Cpu {
    fn derivatives(&self, d: &Tensor, work: &mut Workspace) -> Result<HiddenStates> {
        let d = d.to_dtype(DType::F32)?.contiguous()?;
        let (rows, width) = d.dims2()?;
        let numbers = floats(&d)?;
        let numbers = &*numbers;
        let mut states = work.states(rows, width);
        states.each(|index, row| row.copy_from_slice(&numbers[index * width..][..width]));
        Ok(states)
    }

    fn spread_rows(&self, d: HiddenStates, rows: &[usize], count: usize, work: &mut Workspace) -> Result<HiddenStates> {
        let mut places = vec![None; count];
        rows.iter().enumerate().for_each(|(place, row)| places[*row] = Some(place));
        let mut spread = work.states(count, d.rows().width());
        spread.each(|index, row| match places[index] {
            Some(place) => row.copy_from_slice(d.rows().row(place)),
            None => row.fill(0.0),
        });
        work.release(d);
        Ok(spread)
    }

    fn linear_back(&self, linear: &Linear<Self>, d: &HiddenStates, work: &mut Workspace) -> Result<HiddenStates> {
        let mut out = work.states(d.len(), linear.matrix.inputs());
        product_transposed(d.rows(), &linear.matrix, out.rows_mut());
        Ok(out)
    }

    fn norm_back(
        &self,
        norm: &Norm<Self>,
        x: &HiddenStates,
        d: &HiddenStates,
        work: &mut Workspace,
    ) -> Result<HiddenStates> {
        let mut out = work.states(x.len(), x.rows().width());
        out.each(|index, out| norm.row_back(x.rows().row(index), d.rows().row(index), out));
        Ok(out)
    }

    fn activate_back(
        &self,
        x: &HiddenStates,
        activation: Activation,
        gated: bool,
        d: &HiddenStates,
        work: &mut Workspace,
    ) -> Result<HiddenStates> {
        let width = x.rows().width();
        let intermediate = if gated { width / 2 } else { width };
        let mut out = work.states(x.len(), width);
        out.each(|index, out| {
            let (x, d) = (x.rows().row(index), d.rows().row(index));
            let (out, of_factors) = out.split_at_mut(intermediate);
            let (x, factors) = x.split_at(intermediate);
            if gated {
                of_factors.copy_from_slice(x);
                activate(of_factors, activation);
                elementwise::multiply(of_factors, d);
                derivatives::scaled(d, factors, out);
            } else {
                out.copy_from_slice(d);
            }
            match activation {
                Activation::Relu => derivatives::relu(x, out),
                Activation::Gelu => derivatives::gelu(x, out),
                Activation::GeluTanh => derivatives::gelu_tanh(x, out),
                Activation::Silu => derivatives::silu(x, out),
            }
        });
        Ok(out)
    }

    fn attend_back(
        &self,
        attention: &Attention<Self>,
        qkv: &HiddenStates,
        plan: &BatchPlan,
        past: &LayerCache,
        d: HiddenStates,
        work: &mut Workspace,
    ) -> Result<(HiddenStates, LayerCache)> {
        let Heads { query: heads, kv: kv_heads, head_dim } = attention.heads;
        let tokens = qkv.len();
        let mut query_room = work.take(tokens * heads * head_dim);
        let queries = &mut query_room[..tokens * heads * head_dim];
        let fresh = in_f32(&self.projections(attention, qkv, plan, queries)?)?;
        let (keys, values) = (floats(&fresh.keys)?, floats(&fresh.values)?);
        let packed = BothWays::new(&keys, &values, (kv_heads, tokens, head_dim));
        let past = in_f32(past)?;
        let shape = past.keys.dims3()?;
        let (past_keys, past_values) = (floats(&past.keys)?, floats(&past.values)?);
        let past = BothWays::new(&past_keys, &past_values, shape);
        let scores = Scores { heads: attention.heads, window: attention.window, softcap: attention.softcap };
        let back = attend_back(&plan.attention, scores, queries, &packed, &past, &d);
        work.give_back(query_room);
        work.release(d);
        let (query_norm, key_norm) = attention.head_norms.as_ref().map(|(query, key)| (query, key)).unzip();
        let rotation = attention.rotator.map(|index| &plan.rotations[index]);
        let mut out = work.states(tokens, qkv.rows().width());
        out.each(|token, row| {
            let before = qkv.rows().row(token);
            for (head, (out, x)) in row.chunks_mut(head_dim).zip(before.chunks(head_dim)).enumerate() {
                let of_head = |numbers: &[f32], head: usize, out: &mut [f32]| {
                    out.copy_from_slice(&numbers[(head * tokens + token) * head_dim..][..head_dim]);
                };
                if head < heads {
                    of_head(&back.queries, head, out);
                    elementwise::scale(out, attention.scale as f32);
                    prepare_head_back(x, out, token, query_norm, rotation);
                } else if head < heads + kv_heads {
                    of_head(&back.fresh.keys, head - heads, out);
                    prepare_head_back(x, out, token, key_norm, rotation);
                } else {
                    of_head(&back.fresh.values, head - heads - kv_heads, out);
                }
            }
        });
        let tensor = |numbers| Tensor::from_vec(numbers, shape, &Device::Cpu);
        Ok((out, LayerCache { keys: tensor(back.past.keys)?, values: tensor(back.past.values)? }))
    }

    fn logits_back(&self, head: &Head<Self>, logits: &Tensor, d: &Tensor) -> Result<Tensor> {
        let (logits, d) = (logits.contiguous()?, d.contiguous()?);
        let (rows, vocabulary) = d.dims2()?;
        let (logits, mut d) = (floats(&logits)?, d.flatten_all()?.to_vec1::<f32>()?);
        if let Some(cap) = head.softcap {
            let rows = d.par_chunks_mut(vocabulary.max(1)).zip(logits.par_chunks(vocabulary.max(1)));
            rows.for_each(|(d, logits)| derivatives::softcap(logits, cap as f32, d));
        }
        let width = head.linear.matrix.inputs();
        let mut out = vec![0f32; rows * width];
        let target = RowsMut::new(&mut out, rows, width, width);
        product_transposed(Rows::new(&d, rows, vocabulary, vocabulary), &head.linear.matrix, target);
        Tensor::from_vec(out, (rows, width), &Device::Cpu)
    }
}

impl Norm<Cpu> {
    /// One row back.
    fn row_back(&self, x: &[f32], d: &[f32], out: &mut [f32]) {
        match self {
            Self::Layer { gain, eps, .. } => derivatives::layer_norm(x, gain, *eps, d, out),
            Self::Rms { gain, eps } => derivatives::rms_norm(x, gain, *eps, d, out),
        }
    }
}

/// Rotation and norm of one head's query or key, back: `d` becomes the derivative with respect to the head `x` before them.
fn prepare_head_back(x: &[f32], d: &mut [f32], token: usize, norm: Option<&Norm<Cpu>>, rotation: Option<&Rotation>) {
    if let Some(rotation) = rotation {
        rotation.rotate_back(d, token);
    }
    if let Some(norm) = norm {
        let normed = d.to_vec();
        norm.row_back(x, &normed, d);
    }
}
