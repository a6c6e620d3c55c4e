//! The pass back: from the final states of a batch to the keys and values that it found before it.
//!
//! Reverse mode, written out: only the cache is asked about, never a weight, so that each product forward has one product
//! back. A pass forward keeps the states that derivatives are made of ([`Kept`]), which grow linearly with the tokens;
//! attention's scores are computed again. The blocks' wiring stands here once for all families, over operations that both
//! backends have ([`Backward`]), as it does forward in `block`.

use candle_core::{Result, Tensor};

use super::backend::{Backward, Norm, PackedBatch};
use super::batch::Batch;
use super::block::{Block, Half, Kept, Pass, Tape};
use super::cache::{KvCache, LayerCache};
use super::config::{DecoderConfig, HalfNorms, LayerConfig, Residual};
use super::network::Network;

/// The loss as a function of the final hidden states `[output_rows, embedding]`: gives its derivative with respect to them, of the
/// same shape, in f32.
pub(super) type Loss<'a> = dyn FnMut(&Tensor) -> Result<Tensor> + 'a;

/// Bytes of what a pass over so many tokens keeps for its pass back, for states of `number` bytes whose rows take `row` numbers;
/// and of the derivatives that are there, besides what the pass itself takes, when all of it is: those of the MLP.
pub(super) fn tape_bytes(config: &DecoderConfig, tokens: usize, number: usize, row: impl Fn(usize) -> usize) -> u64 {
    let of_layer = |layer: &LayerConfig| {
        let normed = |norms: &HalfNorms<bool>| usize::from(norms.output) + usize::from(norms.sum);
        let streams = if layer.residual == Residual::Parallel { 1 } else { 2 };
        let hidden = streams + normed(&layer.attention_norms) + normed(&layer.mlp_norms);
        hidden * row(config.hidden) + row(config.qkv_width()) + row(config.mlp_up_width())
    };
    let numbers = config.layers.iter().map(|layer| of_layer(layer) as u64).fold(0, u64::saturating_add);
    let mlp = row(config.mlp_up_width()).saturating_add(row(config.intermediate)) as u64;
    numbers.saturating_add(mlp).saturating_mul(tokens as u64).saturating_mul(number as u64)
}

impl<B: Backward> Network<B> {
    /// Runs a batch behind a past and goes back; gives the derivative of the loss with respect to the past, in f32.
    pub(super) fn past_gradient(
        &self,
        config: &DecoderConfig,
        batch: &Batch<'_>,
        past: &KvCache,
        (ids, position_ids): (&[u32], &[u32]),
        loss: &mut Loss<'_>,
    ) -> Result<KvCache> {
        let (trees, hidden) = (batch.trees, batch.hidden);
        let packed = PackedBatch { trees, position_ids, past: past.positions(), hidden };
        let plan = self.backend.plan(config, &packed, &self.rotators)?;
        let mut pass = Pass { backend: &self.backend, plan: &plan, work: self.backend.workspace(), tape: None };
        let mut x = self.embed(config, ids, position_ids, &mut pass)?;
        let mut tapes = Vec::with_capacity(self.blocks.len());
        for (block, past) in self.blocks.iter().zip(past.layers()) {
            pass.tape = Some(Tape::new());
            x = block.forward(x, Some(past), None, &mut pass)?.0;
            tapes.extend(pass.tape.take());
        }
        let count = ids.len();
        x = self.backend.retain_rows(x, batch.output_rows, &mut pass.work)?;
        let normed = pass.normed(self.final_norm.as_ref(), &x)?;
        let projected = pass.projected(self.project_out.as_ref(), normed.as_ref().unwrap_or(&x))?;
        let states = self.backend.to_tensor(projected.as_ref().or(normed.as_ref()).unwrap_or(&x))?;
        [normed, projected].into_iter().for_each(|states| pass.release(states));

        let mut d = self.backend.derivatives(&loss(&states)?, &mut pass.work)?;
        if let Some(project) = &self.project_out {
            let back = self.backend.linear_back(project, &d, &mut pass.work)?;
            pass.replace(&mut d, Some(back));
        }
        if let Some(norm) = &self.final_norm {
            let back = self.backend.norm_back(norm, &x, &d, &mut pass.work)?;
            pass.replace(&mut d, Some(back));
        }
        pass.release(Some(x));
        d = self.backend.spread_rows(d, batch.output_rows, count, &mut pass.work)?;
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (index, (block, past)) in self.blocks.iter().zip(past.layers()).enumerate().rev() {
            let Some(tape) = tapes.pop() else { candle_core::bail!("a pass back has no tape of block {index}") };
            // Nobody asks for the derivative with respect to the embeddings.
            let (next, layer) = block.back(d, past, tape, index > 0, &mut pass)?;
            layers.push(layer);
            match next {
                Some(next) => d = next,
                None => break,
            }
        }
        layers.reverse();
        KvCache::new(layers)
    }
}

impl<B: Backward> Block<B> {
    /// From the derivative `d` with respect to the stream behind the block: that with respect to the stream before it, unless
    /// nobody asks, and to the past's keys and values.
    fn back(
        &self,
        mut d: B::HiddenStates,
        past: &LayerCache,
        mut tape: Tape<B>,
        before: bool,
        pass: &mut Pass<'_, B>,
    ) -> Result<(Option<B::HiddenStates>, LayerCache)> {
        let of_mlp = self.half_back(Half::Mlp, &mut d, &mut tape, pass)?;
        let mut of_mlp = Some(self.up_back(of_mlp, &mut tape, pass)?);
        if self.residual != Residual::Parallel
            && let Some(of_mlp) = of_mlp.take()
        {
            let stream = tape.take(Kept::MlpStream)?;
            self.input_back(Half::Mlp, &stream, of_mlp, &mut d, pass)?;
            pass.release(Some(stream));
        }
        let of_attended = self.half_back(Half::Attention, &mut d, &mut tape, pass)?;
        let (of_qkv, layer) = self.qkv_back(of_attended, past, &mut tape, pass)?;
        if !before {
            return Ok((None, layer));
        }
        let stream = tape.take(Kept::Stream)?;
        let mut of_attention = pass.backend.linear_back(&self.attention.qkv, &of_qkv, &mut pass.work)?;
        pass.release(Some(of_qkv));
        // Side by side, both halves read the same stream; without a norm of its own the MLP reads what attention does.
        match (of_mlp, &self.mlp_norms.input) {
            (Some(of_mlp), Some(norm)) => pass.add_normed_back(norm, &stream, of_mlp, &mut d)?,
            (Some(of_mlp), None) => {
                pass.backend.add(&mut of_attention, &of_mlp)?;
                pass.release(Some(of_mlp));
            }
            (None, _) => {}
        }
        self.input_back(Half::Attention, &stream, of_attention, &mut d, pass)?;
        pass.release(Some(stream));
        Ok((Some(d), layer))
    }

    /// Through what adds a half's output to the stream: `d` becomes the derivative with respect to the stream before, and the
    /// result is that with respect to the inputs of the half's last product.
    fn half_back(
        &self,
        half: Half,
        d: &mut B::HiddenStates,
        tape: &mut Tape<B>,
        pass: &mut Pass<'_, B>,
    ) -> Result<B::HiddenStates> {
        let (last, norms) = self.half(half);
        if let Some(norm) = &norms.sum {
            let sum = tape.take(Kept::Sum(half))?;
            let back = pass.backend.norm_back(norm, &sum, d, &mut pass.work)?;
            pass.release(Some(sum));
            pass.replace(d, Some(back));
        }
        if norms.output.is_none() && self.residual_scale.is_none() {
            return pass.backend.linear_back(last, d, &mut pass.work);
        }
        let mut of_output = pass.backend.copied(d, &mut pass.work)?;
        if let Some(factor) = self.residual_scale {
            pass.backend.scale(&mut of_output, factor)?;
        }
        if let Some(norm) = &norms.output {
            let output = tape.take(Kept::Output(half))?;
            let back = pass.backend.norm_back(norm, &output, &of_output, &mut pass.work)?;
            pass.release(Some(output));
            pass.replace(&mut of_output, Some(back));
        }
        let of_inputs = pass.backend.linear_back(last, &of_output, &mut pass.work)?;
        pass.release(Some(of_output));
        Ok(of_inputs)
    }

    /// Through what a half reads of the stream: `d`, with respect to the sum of the stream and the half's output, becomes that with
    /// respect to the stream, for the derivative `of_input` with respect to what the half reads.
    fn input_back(
        &self,
        half: Half,
        stream: &B::HiddenStates,
        mut of_input: B::HiddenStates,
        d: &mut B::HiddenStates,
        pass: &mut Pass<'_, B>,
    ) -> Result<()> {
        let norm = self.half(half).1.input.as_ref();
        match norm {
            // The norm's result is what the half's output is added to.
            Some(norm) if self.residual == Residual::SequentialFromNorm => {
                pass.backend.add(&mut of_input, d)?;
                let back = pass.backend.norm_back(norm, stream, &of_input, &mut pass.work)?;
                pass.release(Some(of_input));
                pass.replace(d, Some(back));
                Ok(())
            }
            Some(norm) => pass.add_normed_back(norm, stream, of_input, d),
            None => {
                pass.backend.add(d, &of_input)?;
                pass.release(Some(of_input));
                Ok(())
            }
        }
    }

    /// Through the MLP up to its second matrix, with respect to what it reads.
    fn up_back(&self, d: B::HiddenStates, tape: &mut Tape<B>, pass: &mut Pass<'_, B>) -> Result<B::HiddenStates> {
        let up = tape.take(Kept::Up)?;
        let of_up = pass.backend.activate_back(&up, self.mlp.activation, self.mlp.gated, &d, &mut pass.work)?;
        pass.release(Some(up));
        pass.release(Some(d));
        let of_input = pass.backend.linear_back(&self.mlp.up, &of_up, &mut pass.work)?;
        pass.release(Some(of_up));
        Ok(of_input)
    }

    /// Through attention, with respect to the joint product of queries, keys and values, and to the past.
    fn qkv_back(
        &self,
        d: B::HiddenStates,
        past: &LayerCache,
        tape: &mut Tape<B>,
        pass: &mut Pass<'_, B>,
    ) -> Result<(B::HiddenStates, LayerCache)> {
        let qkv = tape.take(Kept::Qkv)?;
        let back = pass.backend.attend_back(&self.attention, &qkv, pass.plan, past, d, &mut pass.work)?;
        pass.release(Some(qkv));
        Ok(back)
    }
}

impl<B: Backward> Pass<'_, B> {
    /// Adds to `d` what goes back through a norm of the stream.
    fn add_normed_back(
        &mut self,
        norm: &Norm<B>,
        stream: &B::HiddenStates,
        of_normed: B::HiddenStates,
        d: &mut B::HiddenStates,
    ) -> Result<()> {
        let back = self.backend.norm_back(norm, stream, &of_normed, &mut self.work)?;
        self.backend.add(d, &back)?;
        self.release(Some(of_normed));
        self.release(Some(back));
        Ok(())
    }
}
