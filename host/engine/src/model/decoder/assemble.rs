//! Puts a decoder together from a configuration, a family's tensor names and a source of tensors.

use candle_core::{DType, Device, Tensor};

use super::Decoder;
use super::block::Block;
use super::config::{DecoderConfig, NormKind, Positions};
use super::layout::Layout;
use super::linear::{Linear, Matrix};
use super::norm::Norm;
use super::rotary::Rotator;
use super::tensors::{BlockTensors, DecoderTensors, HeadTensors, LinearTensors, NormTensors, TensorSpec};
use crate::model::ModelError;
use crate::model::weights::{Prefixed, TensorSource, WeightFormat};

/// Where and how weights are held.
#[derive(Clone)]
pub struct Placement {
    /// The device.
    pub device: Device,
    /// The number format of dense weights, states, keys and values.
    pub dtype: DType,
    /// How the matrices are held.
    pub weights: WeightFormat,
}

struct Assembler<'a> {
    config: &'a DecoderConfig,
    source: &'a dyn TensorSource,
    placement: &'a Placement,
}

impl Decoder {
    /// Reads all weights. Each is held once, in its final form.
    ///
    /// # Errors
    /// A missing or misshapen tensor, with its full name, its file and the shapes; NaN or infinity in one.
    pub fn load(
        config: DecoderConfig,
        layout: &Layout,
        source: &dyn TensorSource,
        placement: &Placement,
    ) -> Result<Self, ModelError> {
        let source = &Prefixed::new(source, layout.prefix);
        let tensors = DecoderTensors::new(&config, layout, source);
        tensors.check(source)?;
        let parts = Assembler { config: &config, source, placement };
        // The tensor that was read is gone as soon as the matrix is made of it.
        let embedding = Matrix::new(&parts.weight(&tensors.embedding)?, placement)?;
        let positions = tensors.positions.as_ref().map(|table| parts.vector(table)).transpose()?;
        let rotator = match &config.positions {
            Positions::Rotary(rotary) => {
                let factors = tensors
                    .rotary_factors
                    .as_ref()
                    .map(|factors| Ok::<_, ModelError>(parts.read(factors, DType::F32, &Device::Cpu)?.to_vec1()?));
                Some(Rotator::new(rotary, factors.transpose()?.as_deref()))
            }
            _ => None,
        };
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
        let blocks = tensors.blocks.iter().enumerate().map(|(index, tensors)| parts.block(index, tensors));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            device: placement.device.clone(),
            dtype: placement.dtype,
            positions,
            embedding_norm: tensors.embedding_norm.as_ref().map(|norm| parts.norm(norm)).transpose()?,
            project_in,
            project_out,
            rotator,
            blocks,
            final_norm: tensors.final_norm.as_ref().map(|norm| parts.norm(norm)).transpose()?,
            head,
            embedding,
            config,
        })
    }
}

impl Assembler<'_> {
    fn block(&self, index: usize, tensors: &BlockTensors) -> Result<Block, ModelError> {
        let config = self.config;
        let head_norms = match &tensors.head_norms {
            Some((query, key)) => Some((self.norm(query)?, self.norm(key)?)),
            None => None,
        };
        Ok(Block {
            attention_norm: self.norm(&tensors.attention_norm)?,
            mlp_norm: tensors.mlp_norm.as_ref().map(|norm| self.norm(norm)).transpose()?,
            qkv: self.linear(&tensors.qkv)?,
            head_norms,
            attention_output: self.linear(&tensors.attention_output)?,
            up: self.linear(&tensors.up)?,
            down: self.linear(&tensors.down)?,
            hidden: config.hidden,
            inner: config.intermediate,
            gated: tensors.up.weights.len() > 1,
            activation: config.activation,
            residual: config.residual,
            heads: (config.heads, config.kv_heads, config.head_dim),
            scale: config.attention_scales[index],
            window: config.windows[index],
            rotated: match &config.positions {
                Positions::Rotary(rotary) => !rotary.unrotated_layers.contains(&index),
                _ => false,
            },
        })
    }

    /// One product for several matrices over the same input, outputs in the order given.
    fn linear(&self, tensors: &LinearTensors) -> Result<Linear, ModelError> {
        let ordered = |tensor: Tensor| {
            let (heads, width) = (self.config.heads, self.config.head_dim);
            if tensors.per_head { per_head_to_blocks(&tensor, heads, width) } else { Ok(tensor) }
        };
        let weights = tensors.weights.iter().map(|weight| {
            let weight = self.weight(weight)?;
            Ok(if tensors.transposed { weight.t()?.contiguous()? } else { weight })
        });
        let weights = weights.collect::<Result<Vec<_>, ModelError>>()?;
        let biases = tensors.biases.iter().map(|bias| self.vector(bias)).collect::<Result<Vec<_>, _>>()?;
        let bias = if biases.is_empty() { None } else { Some(ordered(Tensor::cat(&biases, 0)?)?) };
        let joined = if let [one] = weights.as_slice() { one.clone() } else { Tensor::cat(&weights, 0)? };
        drop(weights);
        Ok(Linear { matrix: Matrix::new(&ordered(joined)?, self.placement)?, bias })
    }

    /// A matrix as the checkpoint has it; on the CPU where it is yet to be quantized.
    fn weight(&self, tensor: &TensorSpec) -> Result<Tensor, ModelError> {
        match self.placement.weights {
            WeightFormat::Dense => self.read(tensor, self.placement.dtype, &self.placement.device),
            WeightFormat::Quantized => self.read(tensor, DType::F32, &Device::Cpu),
        }
    }

    fn norm(&self, tensors: &NormTensors) -> Result<Norm, ModelError> {
        let device = &self.placement.device;
        let read = |tensor: &Option<TensorSpec>, otherwise: f32, dtype: DType| match tensor {
            Some(tensor) => self.read(tensor, dtype, device),
            None => Ok(Tensor::full(otherwise, tensors.width, device)?.to_dtype(dtype)?),
        };
        let eps = self.config.norm_eps as f32;
        Ok(match self.config.norm {
            NormKind::Rms => Norm::Rms { gain: read(&tensors.gain, 1.0, self.vectors())?, eps },
            NormKind::Layer => Norm::Layer {
                gain: read(&tensors.gain, 1.0, DType::F32)?,
                bias: read(&tensors.bias, 0.0, DType::F32)?,
                eps,
            },
        })
    }

    /// A tensor that is no factor of a matrix product.
    fn vector(&self, tensor: &TensorSpec) -> Result<Tensor, ModelError> {
        self.read(tensor, self.vectors(), &self.placement.device)
    }

    /// The number format of such tensors. The CPU's kernels take no other than f32.
    fn vectors(&self) -> DType {
        if self.placement.device.is_cpu() { DType::F32 } else { self.placement.dtype }
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
fn per_head_to_blocks(tensor: &Tensor, heads: usize, width: usize) -> candle_core::Result<Tensor> {
    let rest: usize = tensor.elem_count() / (3 * heads * width);
    let shape = tensor.shape().clone();
    tensor.reshape((heads, 3, width, rest))?.transpose(0, 1)?.contiguous()?.reshape(shape)
}
