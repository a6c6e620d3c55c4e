//! Puts a decoder together from a configuration, a family's tensor names and a source of tensors.

use candle_core::{DType, Device, Tensor};

use super::Decoder;
use super::block::Block;
use super::config::{DecoderConfig, NormKind, Positions};
use super::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::linear::Linear;
use super::norm::Norm;
use super::rotary::Rotator;
use crate::model::ModelError;
use crate::model::weights::{TensorSource, WeightFormat};

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
    layout: &'a Layout,
    source: &'a dyn TensorSource,
    placement: &'a Placement,
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
        let parts = Assembler { config: &config, layout, source, placement };
        let embedding = parts.tensor(&layout.embedding, &[config.vocabulary, config.embedding])?;
        let positions = match (&config.positions, &layout.positions) {
            (Positions::Learned { offset }, Some(name)) => {
                let rows = config.max_positions.unwrap_or(0) + offset;
                Some(parts.tensor(name, &[rows, config.hidden])?)
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
        let head = match &layout.head {
            Some(name) => parts.stored_as_linear(&[(name, config.vocabulary)], config.embedding)?,
            _ if placement.weights == WeightFormat::Quantized => {
                Linear::new(embedding.clone(), None, WeightFormat::Quantized)?
            }
            _ => Linear::shared(embedding.clone()),
        };
        let blocks = layout.layers.iter().enumerate().map(|(index, names)| parts.block(index, names));
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
                let (weight, bias) = self.stored(name, 3 * heads * width, config.hidden)?;
                let weight = per_head_to_blocks(&weight, heads, width)?;
                let bias = bias.map(|bias| per_head_to_blocks(&bias, heads, width)).transpose()?;
                Linear::new(weight, bias, self.placement.weights)?
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
            gated: names.gate.is_some(),
            activation: config.activation,
            residual: config.residual,
            heads: (heads, kv_heads, width),
            scale: config.attention_scales[index],
            window: config.windows[index],
        })
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.source.tensor(name, shape, self.placement.dtype, &self.placement.device)
    }

    fn norm(&self, name: &NormName, width: usize) -> Result<Norm, ModelError> {
        let gain = self.tensor(&format!("{}.weight", name.prefix), &[width])?;
        let eps = self.config.norm_eps as f32;
        Ok(match self.config.norm {
            NormKind::Rms => Norm::Rms { gain, eps },
            NormKind::Layer => {
                Norm::Layer { gain, bias: self.tensor(&format!("{}.bias", name.prefix), &[width])?, eps }
            }
        })
    }

    /// A matrix `[out, in]` and its bias, however the checkpoint lays the matrix out.
    fn stored(&self, name: &LinearName, out: usize, input: usize) -> Result<(Tensor, Option<Tensor>), ModelError> {
        let weight = if self.layout.transposed {
            self.tensor(&name.weight, &[input, out])?.t()?.contiguous()?
        } else {
            self.tensor(&name.weight, &[out, input])?
        };
        let bias = name.bias.as_ref().map(|bias| self.tensor(bias, &[out])).transpose()?;
        Ok((weight, bias))
    }

    /// One product for several matrices over the same input, outputs in the order given.
    fn linear(&self, names: &[(&LinearName, usize)], input: usize) -> Result<Linear, ModelError> {
        let parts = names.iter().map(|(name, out)| self.stored(name, *out, input));
        self.joined(parts.collect::<Result<Vec<_>, _>>()?)
    }

    /// As [`Self::linear`], for matrices that are `[out, in]` in every checkpoint (the head of GPT-2 is, its blocks are not).
    fn stored_as_linear(&self, names: &[(&LinearName, usize)], input: usize) -> Result<Linear, ModelError> {
        let parts = names.iter().map(|(name, out)| {
            let bias = name.bias.as_ref().map(|bias| self.tensor(bias, &[*out])).transpose()?;
            Ok((self.tensor(&name.weight, &[*out, input])?, bias))
        });
        self.joined(parts.collect::<Result<Vec<_>, ModelError>>()?)
    }

    fn joined(&self, mut parts: Vec<(Tensor, Option<Tensor>)>) -> Result<Linear, ModelError> {
        if parts.len() == 1
            && let Some((weight, bias)) = parts.pop()
        {
            return Ok(Linear::new(weight, bias, self.placement.weights)?);
        }
        let weights: Vec<&Tensor> = parts.iter().map(|(weight, _)| weight).collect();
        let biases: Vec<&Tensor> = parts.iter().filter_map(|(_, bias)| bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        Ok(Linear::new(Tensor::cat(&weights, 0)?, bias, self.placement.weights)?)
    }
}

/// From each head's query, key and value to all queries, all keys, all values, along the first dimension.
fn per_head_to_blocks(tensor: &Tensor, heads: usize, width: usize) -> candle_core::Result<Tensor> {
    let rest: usize = tensor.elem_count() / (3 * heads * width);
    let shape = tensor.shape().clone();
    tensor.reshape((heads, 3, width, rest))?.transpose(0, 1)?.contiguous()?.reshape(shape)
}
