//! Puts a decoder together from a configuration, a family's tensor names and a source of tensors.

use candle_core::{DType, Device, Tensor};

use super::Decoder;
use super::block::Block;
use super::config::{DecoderConfig, NormKind, Positions};
use super::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::linear::{Linear, Matrix};
use super::norm::Norm;
use super::rotary::Rotator;
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
    /// Whether the blocks' matrices are stored `[in, out]`.
    transposed: bool,
}

impl Decoder {
    /// Reads all weights. Each is held once, in its final form.
    ///
    /// # Errors
    /// A missing or misshapen tensor, with its full name, its file and the shapes.
    pub fn load(
        config: DecoderConfig,
        layout: &Layout,
        source: &dyn TensorSource,
        placement: &Placement,
    ) -> Result<Self, ModelError> {
        let source = &Prefixed::new(source, layout.prefix);
        // What is outside of the blocks is `[out, in]` in every checkpoint.
        let parts = Assembler { config: &config, source, placement, transposed: false };
        // The tensor that was read is gone as soon as the matrix is made of it.
        let embedding = Matrix::new(&parts.weight(&layout.embedding, config.vocabulary, config.embedding)?, placement)?;
        let positions = match (&config.positions, &layout.positions) {
            (Positions::Learned { offset }, Some(name)) => {
                let rows = config.max_positions.unwrap_or(0) + offset;
                Some(parts.vector(name, &[rows, config.hidden])?)
            }
            _ => None,
        };
        let rotator = match &config.positions {
            Positions::Rotary(rotary) => {
                let factors = match &layout.rotary_factors {
                    Some(name) if source.contains(name) => {
                        Some(source.tensor(name, &[rotary.dimensions / 2], DType::F32, &Device::Cpu)?.to_vec1()?)
                    }
                    _ => None,
                };
                Some(Rotator::new(rotary, factors.as_deref()))
            }
            _ => None,
        };
        let (project_in, project_out) = match &layout.embedding_projections {
            Some((into, out)) => (
                Some(parts.linear(&[(into, config.hidden)], config.embedding)?),
                Some(parts.linear(&[(out, config.embedding)], config.hidden)?),
            ),
            None => (None, None),
        };
        let head = if layout.head.weight == layout.embedding {
            let bias = parts.bias(&layout.head, config.vocabulary)?;
            Linear { matrix: embedding.clone(), bias }
        } else {
            parts.linear(&[(&layout.head, config.vocabulary)], config.embedding)?
        };
        let within = Assembler { transposed: layout.transposed, ..parts };
        let blocks = layout.layers.iter().enumerate().map(|(index, names)| within.block(index, names));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            device: placement.device.clone(),
            dtype: placement.dtype,
            positions,
            embedding_norm: layout.embedding_norm.as_ref().map(|name| parts.norm(name, config.hidden)).transpose()?,
            project_in,
            project_out,
            rotator,
            blocks,
            final_norm: layout.final_norm.as_ref().map(|name| parts.norm(name, config.hidden)).transpose()?,
            head,
            embedding,
            config,
        })
    }
}

impl Assembler<'_> {
    fn block(&self, index: usize, names: &LayerNames) -> Result<Block, ModelError> {
        let config = self.config;
        let (heads, kv_heads, width) = (config.heads, config.kv_heads, config.head_dim);
        let qkv = match &names.qkv {
            QkvNames::Separate { query, key, value } => self
                .linear(&[(query, heads * width), (key, kv_heads * width), (value, kv_heads * width)], config.hidden)?,
            QkvNames::Blocks(name) => self.linear(&[(name, (heads + 2 * kv_heads) * width)], config.hidden)?,
            QkvNames::PerHead(name) => {
                let rows = 3 * heads * width;
                let weight = per_head_to_blocks(&self.weight(&name.weight, rows, config.hidden)?, heads, width)?;
                let bias = self.bias(name, rows)?;
                let bias = bias.map(|bias| per_head_to_blocks(&bias, heads, width)).transpose()?;
                Linear { matrix: Matrix::new(&weight, self.placement)?, bias }
            }
        };
        let up = match &names.gate {
            Some(gate) => {
                self.linear(&[(gate, config.intermediate), (&names.up, config.intermediate)], config.hidden)?
            }
            None => self.linear(&[(&names.up, config.intermediate)], config.hidden)?,
        };
        let head_norms = match &names.head_norms {
            Some((query, key)) => Some((self.norm(query, width)?, self.norm(key, width)?)),
            None => None,
        };
        Ok(Block {
            attention_norm: self.norm(&names.attention_norm, config.hidden)?,
            mlp_norm: names.mlp_norm.as_ref().map(|name| self.norm(name, config.hidden)).transpose()?,
            qkv,
            head_norms,
            attention_output: self.linear(&[(&names.attention_output, config.hidden)], heads * width)?,
            up,
            down: self.linear(&[(&names.down, config.hidden)], config.intermediate)?,
            hidden: config.hidden,
            inner: config.intermediate,
            gated: names.gate.is_some(),
            activation: config.activation,
            residual: config.residual,
            heads: (heads, kv_heads, width),
            scale: config.attention_scales[index],
            window: config.windows[index],
            rotated: match &config.positions {
                Positions::Rotary(rotary) => !rotary.unrotated_layers.contains(&index),
                _ => false,
            },
        })
    }

    /// One product for several matrices over the same input, outputs in the order given.
    fn linear(&self, names: &[(&LinearName, usize)], input: usize) -> Result<Linear, ModelError> {
        let weights = names.iter().map(|(name, out)| self.weight(&name.weight, *out, input));
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        let biases = names.iter().filter_map(|(name, out)| self.bias(name, *out).transpose());
        let biases = biases.collect::<Result<Vec<_>, _>>()?;
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        let joined = if let [one] = weights.as_slice() { one.clone() } else { Tensor::cat(&weights, 0)? };
        drop(weights);
        Ok(Linear { matrix: Matrix::new(&joined, self.placement)?, bias })
    }

    /// A matrix as `[out, in]`, however the checkpoint lays it out; on the CPU where it is yet to be quantized.
    fn weight(&self, name: &str, out: usize, input: usize) -> Result<Tensor, ModelError> {
        let (dtype, device) = match self.placement.weights {
            WeightFormat::Dense => (self.placement.dtype, &self.placement.device),
            WeightFormat::Quantized => (DType::F32, &Device::Cpu),
        };
        if self.transposed {
            return Ok(self.source.tensor(name, &[input, out], dtype, device)?.t()?.contiguous()?);
        }
        self.source.tensor(name, &[out, input], dtype, device)
    }

    fn bias(&self, name: &LinearName, out: usize) -> Result<Option<Tensor>, ModelError> {
        name.bias.as_ref().map(|bias| self.vector(bias, &[out])).transpose()
    }

    fn norm(&self, name: &NormName, width: usize) -> Result<Norm, ModelError> {
        let device = &self.placement.device;
        let read = |end: &str, otherwise: f32, dtype: DType| {
            if name.scaled {
                return self.source.tensor(&format!("{}.{end}", name.prefix), &[width], dtype, device);
            }
            Ok(Tensor::full(otherwise, width, device)?.to_dtype(dtype)?)
        };
        let eps = self.config.norm_eps as f32;
        Ok(match self.config.norm {
            NormKind::Rms => Norm::Rms { gain: read("weight", 1.0, self.vectors())?, eps },
            NormKind::Layer => {
                Norm::Layer { gain: read("weight", 1.0, DType::F32)?, bias: read("bias", 0.0, DType::F32)?, eps }
            }
        })
    }

    /// A tensor that is no factor of a matrix product.
    fn vector(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.source.tensor(name, shape, self.vectors(), &self.placement.device)
    }

    /// The number format of such tensors. The CPU's kernels take no other than f32.
    fn vectors(&self) -> DType {
        if self.placement.device.is_cpu() { DType::F32 } else { self.placement.dtype }
    }
}

/// From each head's query, key and value to all queries, all keys, all values, along the first dimension.
fn per_head_to_blocks(tensor: &Tensor, heads: usize, width: usize) -> candle_core::Result<Tensor> {
    let rest: usize = tensor.elem_count() / (3 * heads * width);
    let shape = tensor.shape().clone();
    tensor.reshape((heads, 3, width, rest))?.transpose(0, 1)?.contiguous()?.reshape(shape)
}
