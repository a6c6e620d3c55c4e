//! One block of the decoder: attention and MLP around the residual stream, for every backend.

use candle_core::Result;

use super::backend::{Attention, Backend, Linear, Norm};
use super::cache::LayerCache;
use super::config::{Activation, HalfNorms, Residual};

/// The weights of one block, and how its halves are wired.
pub(super) struct Block<B: Backend> {
    pub residual: Residual,
    /// What a half's output is multiplied by before it is added to the stream.
    pub residual_scale: Option<f64>,
    pub attention_norms: HalfNorms<Option<Norm<B>>>,
    pub mlp_norms: HalfNorms<Option<Norm<B>>>,
    pub attention: Attention<B>,
    pub mlp: Mlp<B>,
}

/// The weights of one block's MLP.
pub(super) struct Mlp<B: Backend> {
    /// The first matrix; with a gate, gate and up in one product.
    pub up: Linear<B>,
    /// The second matrix.
    pub down: Linear<B>,
    /// Whether `up` starts with a gate.
    pub gated: bool,
    pub activation: Activation,
}

/// A batch on its way through the blocks.
pub(super) struct Pass<'a, B: Backend> {
    pub backend: &'a B,
    pub plan: &'a B::BatchPlan,
    pub work: B::Workspace,
    /// Takes copies of what a pass back reads of the block that runs, where there is to be one.
    pub tape: Option<Tape<B>>,
}

/// Which states of a block its derivatives are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The stream before the block.
    Stream,
    /// Queries, keys and values, before their norms and rotation.
    Qkv,
    /// The stream before the MLP's norm.
    MlpStream,
    /// The MLP's first product, before its non-linearity.
    Up,
    /// What a half gives, before it is normed.
    Output(Half),
    /// The stream with a half's output, before it is normed.
    Sum(Half),
}

/// One of a block's halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Attention,
    Mlp,
}

/// States of one block, in the order in which it had them.
pub(super) struct Tape<B: Backend> {
    states: Vec<(Kept, B::HiddenStates)>,
}

impl<B: Backend> Tape<B> {
    /// With nothing kept so far.
    pub(super) fn new() -> Self {
        Self { states: Vec::new() }
    }

    /// Takes what was kept.
    ///
    /// # Errors
    /// If it was not, or has been taken: the pass back is not that of the pass forward.
    pub(super) fn take(&mut self, which: Kept) -> Result<B::HiddenStates> {
        match self.states.iter().position(|(kept, _)| *kept == which) {
            Some(place) => Ok(self.states.swap_remove(place).1),
            None => candle_core::bail!("a pass back finds no {which:?}"),
        }
    }
}

impl<B: Backend> Block<B> {
    /// The residual stream `x` `[tokens, hidden]` through the block; also the tokens' own keys and values. With
    /// `output_rows`, the stream is left with those rows: behind the last block's attention nobody reads the others.
    pub(super) fn forward(
        &self,
        mut x: B::HiddenStates,
        past: Option<&LayerCache>,
        output_rows: Option<&[usize]>,
        pass: &mut Pass<'_, B>,
    ) -> Result<(B::HiddenStates, LayerCache)> {
        pass.keep(Kept::Stream, &x)?;
        let mut normed = pass.normed(self.attention_norms.input.as_ref(), &x)?;
        let qkv = pass.backend.linear(&self.attention.qkv, normed.as_ref().unwrap_or(&x), &mut pass.work)?;
        pass.keep(Kept::Qkv, &qkv)?;
        match self.residual {
            Residual::Sequential => pass.release(normed.take()),
            Residual::SequentialFromNorm => pass.replace(&mut x, normed.take()),
            Residual::Parallel => {}
        }
        let (attended, cache) = pass.backend.attend(&self.attention, qkv, pass.plan, past, &mut pass.work)?;
        let attended = pass.retained(attended, output_rows)?;
        x = pass.retained(x, output_rows)?;
        if self.residual == Residual::Parallel {
            // The MLP reads the stream as it is before attention is added.
            normed = match pass.normed(self.mlp_norms.input.as_ref(), &x)? {
                Some(own) => {
                    pass.release(normed);
                    Some(own)
                }
                None => normed.map(|shared| pass.retained(shared, output_rows)).transpose()?,
            };
            let intermediate = self.mlp.intermediate(normed.as_ref().unwrap_or(&x), pass)?;
            pass.release(normed);
            self.add(Half::Attention, attended, &mut x, pass)?;
            self.add(Half::Mlp, intermediate, &mut x, pass)?;
            return Ok((x, cache));
        }
        self.add(Half::Attention, attended, &mut x, pass)?;
        pass.keep(Kept::MlpStream, &x)?;
        normed = pass.normed(self.mlp_norms.input.as_ref(), &x)?;
        if self.residual == Residual::SequentialFromNorm {
            pass.replace(&mut x, normed.take());
        }
        let intermediate = self.mlp.intermediate(normed.as_ref().unwrap_or(&x), pass)?;
        pass.release(normed);
        self.add(Half::Mlp, intermediate, &mut x, pass)?;
        Ok((x, cache))
    }

    /// A half's last product, and the norms around the half.
    pub(super) fn half(&self, half: Half) -> (&Linear<B>, &HalfNorms<Option<Norm<B>>>) {
        match half {
            Half::Attention => (&self.attention.output, &self.attention_norms),
            Half::Mlp => (&self.mlp.down, &self.mlp_norms),
        }
    }

    /// Adds a half's last product, of `inputs`, to the stream, with what norms it.
    fn add(&self, half: Half, inputs: B::HiddenStates, x: &mut B::HiddenStates, pass: &mut Pass<'_, B>) -> Result<()> {
        let (last, norms) = self.half(half);
        if norms.output.is_none() && self.residual_scale.is_none() {
            // One pass over memory less than a product and a sum.
            pass.backend.add_linear(last, &inputs, x)?;
            pass.release(Some(inputs));
        } else {
            let mut output = pass.backend.linear(last, &inputs, &mut pass.work)?;
            pass.release(Some(inputs));
            if norms.output.is_some() {
                pass.keep(Kept::Output(half), &output)?;
            }
            let normed = pass.normed(norms.output.as_ref(), &output)?;
            pass.replace(&mut output, normed);
            if let Some(factor) = self.residual_scale {
                pass.backend.scale(&mut output, factor)?;
            }
            pass.backend.add(x, &output)?;
            pass.release(Some(output));
        }
        if norms.sum.is_some() {
            pass.keep(Kept::Sum(half), x)?;
        }
        let normed = pass.normed(norms.sum.as_ref(), x)?;
        pass.replace(x, normed);
        Ok(())
    }
}

impl<B: Backend> Mlp<B> {
    /// The MLP up to its second matrix, `[tokens, intermediate]`.
    fn intermediate(&self, x: &B::HiddenStates, pass: &mut Pass<'_, B>) -> Result<B::HiddenStates> {
        let mut up = pass.backend.linear(&self.up, x, &mut pass.work)?;
        pass.keep(Kept::Up, &up)?;
        pass.backend.activate(&mut up, self.activation, self.gated)?;
        Ok(up)
    }
}

impl<B: Backend> Pass<'_, B> {
    /// The normalised states, where there is a norm.
    pub(super) fn normed(&mut self, norm: Option<&Norm<B>>, x: &B::HiddenStates) -> Result<Option<B::HiddenStates>> {
        norm.map(|norm| self.backend.norm(norm, x, &mut self.work)).transpose()
    }

    /// Puts other states in the place of `x`, if there are any.
    pub(super) fn replace(&mut self, x: &mut B::HiddenStates, other: Option<B::HiddenStates>) {
        let replaced = other.map(|other| std::mem::replace(x, other));
        self.release(replaced);
    }

    fn keep(&mut self, which: Kept, states: &B::HiddenStates) -> Result<()> {
        if let Some(tape) = &mut self.tape {
            tape.states.push((which, self.backend.copied(states, &mut self.work)?));
        }
        Ok(())
    }

    fn retained(&mut self, x: B::HiddenStates, rows: Option<&[usize]>) -> Result<B::HiddenStates> {
        match rows {
            Some(rows) => self.backend.retain_rows(x, rows, &mut self.work),
            None => Ok(x),
        }
    }

    pub(super) fn release(&mut self, states: Option<B::HiddenStates>) {
        if let Some(states) = states {
            self.backend.release(states, &mut self.work);
        }
    }
}
