//! Puts a network together from a configuration, a family's tensor names and a source of tensors.

use candle_core::{DType, Device, Tensor};

use super::backend::{Attention, Backend, Head, Heads, Linear, Norm};
use super::block::{Block, Mlp};
use super::config::{DecoderConfig, HalfNorms, LayerConfig, NormKind, Rotary};
use super::layout::Layout;
use super::network::Network;
use super::placement::Placement;
use super::rotary::Rotator;
use super::tensors::{BlockTensors, DecoderTensors, HeadTensors, LinearTensors, NormTensors, TensorSpec};
use crate::model::ModelError;
use crate::model::weights::{Prefixed, TensorSource, WeightFormat};

impl<B: Backend> Network<B> {
    /// Reads all weights. Each is held once, in its final form.
    ///
    /// # Errors
    /// A missing or misshapen tensor, with its full name, its file and the shapes; NaN or infinity in one; a layout that
    /// does not fit the configuration.
    pub(super) fn load(
        config: &DecoderConfig,
        layout: &Layout,
        source: &dyn TensorSource,
        placement: &Placement,
        backend: B,
    ) -> Result<Self, ModelError> {
        let source = &Prefixed::new(source, layout.prefix);
        let tensors = DecoderTensors::new(config, layout, source)?;
        tensors.check(source)?;
        let rotations = rotations(&config.layers);
        let parts = Assembler { config, source, placement, backend: &backend, rotations: &rotations };
        // The tensor that was read is gone as soon as the matrix is made of it.
        let embedding = backend.matrix(&parts.weight(&tensors.embedding)?)?;
        let positions = tensors.positions.as_ref().map(|table| parts.vector(table)).transpose()?;
        let factors: Option<Vec<f32>> = match &tensors.rotary_factors {
            Some(factors) => Some(parts.read(factors, DType::F32, &Device::Cpu)?.to_vec1()?),
            None => None,
        };
        let rotators = rotations.iter().map(|rotary| Rotator::new(rotary, factors.as_deref())).collect();
        let (project_in, project_out) = match &tensors.projections {
            Some((into, out)) => (Some(parts.linear(into)?), Some(parts.linear(out)?)),
            None => (None, None),
        };
        let head = match &tensors.head {
            HeadTensors::Tied { bias, copy } => {
                if let Some(copy) = copy {
                    parts.equal(&tensors.embedding, copy)?;
                }
                let bias = bias.as_ref().map(|bias| parts.vector(bias)).transpose()?;
                Linear { matrix: embedding.clone(), bias }
            }
            HeadTensors::Own(linear) => parts.linear(linear)?,
        };
        let blocks = tensors.blocks.iter().zip(&config.layers).map(|(tensors, layer)| parts.block(layer, tensors));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        let embedding_norm = tensors.embedding_norm.as_ref().map(|norm| parts.norm(norm)).transpose()?;
        let final_norm = tensors.final_norm.as_ref().map(|norm| parts.norm(norm)).transpose()?;
        Ok(Self {
            positions,
            embedding_norm,
            project_in,
            project_out,
            rotators,
            blocks,
            final_norm,
            head: Head { linear: head, softcap: config.logit_softcap },
            embedding,
            backend,
        })
    }
}

/// The rotations that layers have, each once.
fn rotations(layers: &[LayerConfig]) -> Vec<Rotary> {
    let mut rotations: Vec<Rotary> = Vec::new();
    for rotary in layers.iter().filter_map(|layer| layer.rotary) {
        if !rotations.contains(&rotary) {
            rotations.push(rotary);
        }
    }
    rotations
}

struct Assembler<'a, B> {
    config: &'a DecoderConfig,
    source: &'a dyn TensorSource,
    placement: &'a Placement,
    backend: &'a B,
    rotations: &'a [Rotary],
}

impl<B: Backend> Assembler<'_, B> {
    fn block(&self, layer: &LayerConfig, tensors: &BlockTensors) -> Result<Block<B>, ModelError> {
        let config = self.config;
        let head_norms = match &tensors.head_norms {
            Some((query, key)) => Some((self.norm(query)?, self.norm(key)?)),
            None => None,
        };
        let rotator = layer.rotary.and_then(|rotary| self.rotations.iter().position(|other| *other == rotary));
        let attention = Attention {
            qkv: self.linear(&tensors.qkv)?,
            head_norms,
            output: self.linear(&tensors.attention_output)?,
            heads: Heads { query: config.heads, kv: config.kv_heads, head_dim: config.head_dim },
            scale: layer.attention_scale,
            softcap: layer.attention_softcap,
            window: layer.window,
            rotator,
        };
        let mlp = Mlp {
            up: self.linear(&tensors.up)?,
            down: self.linear(&tensors.down)?,
            gated: config.gated,
            activation: config.activation,
        };
        Ok(Block {
            residual: layer.residual,
            residual_scale: layer.residual_scale,
            attention_norms: self.half_norms(&tensors.attention_norms)?,
            mlp_norms: self.half_norms(&tensors.mlp_norms)?,
            attention,
            mlp,
        })
    }

    fn half_norms(&self, tensors: &HalfNorms<Option<NormTensors>>) -> Result<HalfNorms<Option<Norm<B>>>, ModelError> {
        let norm = |tensors: &Option<NormTensors>| tensors.as_ref().map(|tensors| self.norm(tensors)).transpose();
        Ok(HalfNorms { input: norm(&tensors.input)?, output: norm(&tensors.output)?, sum: norm(&tensors.sum)? })
    }

    /// One product for several matrices over the same input, outputs in the order given.
    fn linear(&self, tensors: &LinearTensors) -> Result<Linear<B>, ModelError> {
        let ordered = |tensor: Tensor| {
            let (heads, head_dim) = (self.config.heads, self.config.head_dim);
            if tensors.per_head { per_head_to_blocks(&tensor, heads, head_dim) } else { Ok(tensor) }
        };
        let weights = tensors.weights.iter().map(|weight| {
            let weight = self.weight(weight)?;
            Ok(if tensors.transposed { weight.t()?.contiguous()? } else { weight })
        });
        let weights = weights.collect::<Result<Vec<_>, ModelError>>()?;
        let biases = tensors.biases.iter().map(|bias| self.dense(bias)).collect::<Result<Vec<_>, _>>()?;
        let bias = match biases.is_empty() {
            true => None,
            false => Some(self.backend.vector(&ordered(Tensor::cat(&biases, 0)?)?)?),
        };
        let joined = if let [one] = weights.as_slice() { one.clone() } else { Tensor::cat(&weights, 0)? };
        drop(weights);
        Ok(Linear { matrix: self.backend.matrix(&ordered(joined)?)?, bias })
    }

    /// A matrix as the checkpoint has it; on the CPU where it is yet to be quantized.
    fn weight(&self, tensor: &TensorSpec) -> Result<Tensor, ModelError> {
        match self.placement.weights {
            WeightFormat::Dense => self.read(tensor, self.placement.dtype, self.backend.device()),
            WeightFormat::Quantized => self.read(tensor, DType::F32, &Device::Cpu),
        }
    }

    fn norm(&self, tensors: &NormTensors) -> Result<Norm<B>, ModelError> {
        let device = self.backend.device();
        let read = |tensor: &Option<TensorSpec>, otherwise: f32, dtype: DType| match tensor {
            Some(tensor) => self.read(tensor, dtype, device),
            None => Ok(Tensor::full(otherwise, tensors.width, device)?.to_dtype(dtype)?),
        };
        let offset = self.config.norm_gain_offset;
        let gain = |dtype: DType| {
            let gain = read(&tensors.gain, 1.0, dtype)?;
            // A gain that the checkpoint does not have is 1 whatever is added to others.
            let gain = if offset == 0.0 || tensors.gain.is_none() { gain } else { gain.affine(1.0, offset)? };
            Ok::<_, ModelError>(self.backend.vector(&gain)?)
        };
        let eps = self.config.norm_eps as f32;
        Ok(match self.config.norm {
            // The sum with an offset would lose most of a small gain's digits in half precision.
            NormKind::Rms if offset != 0.0 => Norm::Rms { gain: gain(DType::F32)?, eps },
            NormKind::Rms => Norm::Rms { gain: gain(self.backend.vector_dtype())?, eps },
            NormKind::Layer => {
                let bias = self.backend.vector(&read(&tensors.bias, 0.0, DType::F32)?)?;
                Norm::Layer { gain: gain(DType::F32)?, bias, eps }
            }
        })
    }

    /// A tensor that is no factor of a matrix product.
    fn vector(&self, tensor: &TensorSpec) -> Result<B::Vector, ModelError> {
        Ok(self.backend.vector(&self.dense(tensor)?)?)
    }

    fn dense(&self, tensor: &TensorSpec) -> Result<Tensor, ModelError> {
        self.read(tensor, self.backend.vector_dtype(), self.backend.device())
    }

    fn read(&self, tensor: &TensorSpec, dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        self.source.tensor(tensor.name(), tensor.shape(), dtype, device)
    }

    /// Refuses a tied head that the file has apart with other numbers: which of the two the model was trained with, the
    /// configuration alone does not show.
    fn equal(&self, embedding: &TensorSpec, copy: &TensorSpec) -> Result<(), ModelError> {
        if self.source.equal(embedding.name(), copy.name(), embedding.shape())? {
            return Ok(());
        }
        let (embedding, head) = (embedding.name().into(), copy.name().into());
        Err(ModelError::UntiedHead { embedding, head, file: self.source.file().into() })
    }
}

/// From each head's query, key and value to all queries, all keys, all values, along the first dimension.
fn per_head_to_blocks(tensor: &Tensor, heads: usize, head_dim: usize) -> candle_core::Result<Tensor> {
    let rest: usize = tensor.elem_count() / (3 * heads * head_dim);
    let shape = tensor.shape().clone();
    tensor.reshape((heads, 3, head_dim, rest))?.transpose(0, 1)?.contiguous()?.reshape(shape)
}
