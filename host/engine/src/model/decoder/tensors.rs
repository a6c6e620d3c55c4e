//! The tensors that a decoder is made of, with their names and shapes: one list for checking a checkpoint's headers and
//! for reading its weights, so that the two cannot differ.

use super::config::{DecoderConfig, HalfNorms, LayerConfig, NormKind, Positions};
use super::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use crate::model::ModelError;
use crate::model::weights::TensorSource;

/// A tensor with the shape that it has in the checkpoint. Weights are read by these alone, and only this module makes them.
pub struct TensorSpec {
    name: String,
    shape: Vec<usize>,
}

impl TensorSpec {
    fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.to_vec() }
    }

    /// The tensor's full name in the checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensor's shape in the checkpoint.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// A product's matrices, one after the other along its outputs, and their biases.
pub(crate) struct LinearTensors {
    pub(super) weights: Vec<TensorSpec>,
    pub(super) biases: Vec<TensorSpec>,
    /// Whether the matrices are stored `[in, out]`.
    pub(super) transposed: bool,
    /// Whether the outputs are each head's query, key and value instead of all queries, all keys, all values.
    pub(super) per_head: bool,
}

/// A norm's gain and bias, each where it has one.
pub(crate) struct NormTensors {
    pub(super) gain: Option<TensorSpec>,
    pub(super) bias: Option<TensorSpec>,
    pub(super) width: usize,
}

/// The tensors of one block.
pub(crate) struct BlockTensors {
    pub(super) attention_norms: HalfNorms<Option<NormTensors>>,
    pub(super) mlp_norms: HalfNorms<Option<NormTensors>>,
    pub(super) qkv: LinearTensors,
    pub(super) head_norms: Option<(NormTensors, NormTensors)>,
    pub(super) attention_output: LinearTensors,
    /// The gate, where there is one, then the first matrix.
    pub(super) up: LinearTensors,
    pub(super) down: LinearTensors,
}

/// The tensors of a decoder.
pub struct DecoderTensors {
    pub(super) embedding: TensorSpec,
    pub(super) positions: Option<TensorSpec>,
    pub(super) embedding_norm: Option<NormTensors>,
    pub(super) projections: Option<(LinearTensors, LinearTensors)>,
    /// Divisors of the rotary frequencies, where the file has them.
    pub(super) rotary_factors: Option<TensorSpec>,
    pub(super) blocks: Vec<BlockTensors>,
    pub(super) final_norm: Option<NormTensors>,
    pub(super) head: HeadTensors,
}

/// The output head.
pub(crate) enum HeadTensors {
    /// The embedding, with a bias of its own where the family has one.
    Tied {
        bias: Option<TensorSpec>,
        /// A matrix that the file has for it all the same; it must be equal to the embedding.
        copy: Option<TensorSpec>,
    },
    /// A matrix of its own.
    Own(LinearTensors),
}

impl DecoderTensors {
    /// The tensors of a family's layout in a checkpoint, which decides where there is a choice: a tied matrix may be stored
    /// under either name, and divisors of rotary frequencies may be there or not.
    ///
    /// # Errors
    /// A layout that has names for other norms, another gate or other layers than the configuration.
    pub fn new(config: &DecoderConfig, layout: &Layout, source: &dyn TensorSource) -> Result<Self, ModelError> {
        if config.layers.len() != layout.layers.len() {
            let expected = format!("names for {} layers", config.layers.len());
            return Err(disagreement(&expected, &layout.layers.len().to_string()));
        }
        // What is outside of the blocks is `[out, in]` in every checkpoint.
        let outside = Shapes { config, transposed: false };
        let within = Shapes { config, transposed: layout.transposed };
        let table = [config.vocabulary, config.embedding];
        let only_head =
            layout.tied_head.as_ref().filter(|head| !source.contains(&layout.embedding) && source.contains(head));
        let embedding = TensorSpec::new(only_head.unwrap_or(&layout.embedding), &table);
        let head = if layout.head.weight == layout.embedding {
            let copy = layout.tied_head.as_ref().filter(|head| only_head.is_none() && source.contains(head));
            HeadTensors::Tied {
                bias: layout.head.bias.as_ref().map(|bias| TensorSpec::new(bias, &[config.vocabulary])),
                copy: copy.map(|head| TensorSpec::new(head, &table)),
            }
        } else {
            HeadTensors::Own(outside.linear(&[(&layout.head, config.vocabulary)], config.embedding))
        };
        let positions = match (&config.positions, &layout.positions) {
            (Positions::Learned { offset }, Some(name)) => {
                let rows = config.max_positions.unwrap_or(0) + offset;
                Some(TensorSpec::new(name, &[rows, config.hidden]))
            }
            _ => None,
        };
        let rotary_factors = match (config.layers.iter().find_map(|layer| layer.rotary), &layout.rotary_factors) {
            (Some(rotary), Some(name)) if source.contains(name) => {
                Some(TensorSpec::new(name, &[rotary.dimensions / 2]))
            }
            _ => None,
        };
        let projections = layout.embedding_projections.as_ref().map(|(into, out)| {
            (
                outside.linear(&[(into, config.hidden)], config.embedding),
                outside.linear(&[(out, config.embedding)], config.hidden),
            )
        });
        let blocks = config.layers.iter().zip(&layout.layers).enumerate();
        Ok(Self {
            embedding,
            positions,
            embedding_norm: layout.embedding_norm.as_ref().map(|name| outside.norm(name, config.hidden)),
            projections,
            rotary_factors,
            blocks: blocks
                .map(|(index, (layer, names))| within.block(index, layer, names))
                .collect::<Result<_, _>>()?,
            final_norm: layout.final_norm.as_ref().map(|name| outside.norm(name, config.hidden)),
            head,
        })
    }

    /// All of them. Every field is named here: one that is added has to be looked at too.
    pub fn all(&self) -> Vec<&TensorSpec> {
        let Self { embedding, positions, embedding_norm, projections, rotary_factors, blocks, final_norm, head } = self;
        let mut all = vec![embedding];
        all.extend(positions.iter().chain(rotary_factors));
        all.extend(embedding_norm.iter().chain(final_norm).flat_map(NormTensors::all));
        all.extend(projections.iter().flat_map(|(into, out)| into.all().chain(out.all())));
        for block in blocks {
            let BlockTensors { attention_norms, mlp_norms, qkv, head_norms, attention_output, up, down } = block;
            let heads = head_norms.iter().flat_map(|(query, key)| [query, key]);
            let norms = attention_norms.each().chain(mlp_norms.each()).flatten().chain(heads);
            all.extend([qkv, attention_output, up, down].into_iter().flat_map(LinearTensors::all));
            all.extend(norms.flat_map(NormTensors::all));
        }
        match head {
            HeadTensors::Tied { bias, copy } => all.extend(bias.iter().chain(copy)),
            HeadTensors::Own(linear) => all.extend(linear.all()),
        }
        all
    }

    /// Looks for all that the headers show to be wrong.
    ///
    /// # Errors
    /// The first tensor that is missing, misshapen, or in a number format that is not read.
    pub(crate) fn check(&self, source: &dyn TensorSource) -> Result<(), ModelError> {
        self.all().into_iter().try_for_each(|tensor| source.check(&tensor.name, &tensor.shape))
    }
}

impl LinearTensors {
    fn all(&self) -> impl Iterator<Item = &TensorSpec> {
        self.weights.iter().chain(&self.biases)
    }
}

impl NormTensors {
    fn all(&self) -> impl Iterator<Item = &TensorSpec> {
        self.gain.iter().chain(&self.bias)
    }
}

impl<T> HalfNorms<T> {
    /// What stands at its three places.
    fn each(&self) -> impl Iterator<Item = &T> {
        [&self.input, &self.output, &self.sum].into_iter()
    }
}

/// A family's names do not fit its configuration.
fn disagreement(expected: &str, got: &str) -> ModelError {
    candle_core::Error::Msg(format!("layout: expected {expected}, got {got}")).into()
}

struct Shapes<'a> {
    config: &'a DecoderConfig,
    transposed: bool,
}

impl Shapes<'_> {
    fn block(&self, index: usize, layer: &LayerConfig, names: &LayerNames) -> Result<BlockTensors, ModelError> {
        let config = self.config;
        let (heads, kv_heads, head_dim) = (config.heads, config.kv_heads, config.head_dim);
        if names.gate.is_some() != config.gated {
            let (expected, got) = if config.gated { ("a name", "none") } else { ("none", "one") };
            return Err(disagreement(&format!("{expected} for the gate of layer {index}"), got));
        }
        let qkv = match &names.qkv {
            QkvNames::Separate { query, key, value } => {
                let parts = [(query, heads * head_dim), (key, kv_heads * head_dim), (value, kv_heads * head_dim)];
                self.linear(&parts, config.hidden)
            }
            QkvNames::Blocks(name) => self.linear(&[(name, (heads + 2 * kv_heads) * head_dim)], config.hidden),
            QkvNames::PerHead(name) => {
                LinearTensors { per_head: true, ..self.linear(&[(name, 3 * heads * head_dim)], config.hidden) }
            }
        };
        let first = names.gate.iter().chain([&names.up]).map(|name| (name, config.intermediate));
        let head_norms = names.head_norms.as_ref();
        Ok(BlockTensors {
            attention_norms: self.half_norms(index, &layer.attention_norms, &names.attention_norms)?,
            mlp_norms: self.half_norms(index, &layer.mlp_norms, &names.mlp_norms)?,
            qkv,
            head_norms: head_norms.map(|(query, key)| (self.norm(query, head_dim), self.norm(key, head_dim))),
            attention_output: self.linear(&[(&names.attention_output, config.hidden)], heads * head_dim),
            up: self.linear(&first.collect::<Vec<_>>(), config.hidden),
            down: self.linear(&[(&names.down, config.hidden)], config.intermediate),
        })
    }

    /// The norms around a half of a block.
    fn half_norms(
        &self,
        index: usize,
        norms: &HalfNorms<bool>,
        names: &HalfNorms<Option<NormName>>,
    ) -> Result<HalfNorms<Option<NormTensors>>, ModelError> {
        let named =
            HalfNorms { input: names.input.is_some(), output: names.output.is_some(), sum: names.sum.is_some() };
        if named != *norms {
            return Err(disagreement(
                &format!("names for the norms {norms:?} of layer {index}"),
                &format!("{named:?}"),
            ));
        }
        let tensors = |name: &Option<NormName>| name.as_ref().map(|name| self.norm(name, self.config.hidden));
        Ok(HalfNorms { input: tensors(&names.input), output: tensors(&names.output), sum: tensors(&names.sum) })
    }

    /// Matrices over the same input, with their outputs.
    fn linear(&self, names: &[(&LinearName, usize)], input: usize) -> LinearTensors {
        let shape = |out: usize| if self.transposed { [input, out] } else { [out, input] };
        let biases = names.iter().filter_map(|(name, out)| Some(TensorSpec::new(name.bias.as_ref()?, &[*out])));
        LinearTensors {
            weights: names.iter().map(|(name, out)| TensorSpec::new(&name.weight, &shape(*out))).collect(),
            biases: biases.collect(),
            transposed: self.transposed,
            per_head: false,
        }
    }

    fn norm(&self, name: &NormName, width: usize) -> NormTensors {
        let tensor = |end: &str| TensorSpec::new(format!("{}.{end}", name.prefix), &[width]);
        NormTensors {
            gain: name.scaled.then(|| tensor("weight")),
            bias: (name.scaled && self.config.norm == NormKind::Layer).then(|| tensor("bias")),
            width,
        }
    }
}
