//! The tensors that a decoder is made of, with their names and shapes: one list for checking a checkpoint's headers and
//! for reading its weights, so that the two cannot differ.

use super::config::{DecoderConfig, NormKind, Positions};
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

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// A product's matrices, one after the other along its outputs, and their biases.
pub struct LinearTensors {
    pub(super) weights: Vec<TensorSpec>,
    pub(super) biases: Vec<TensorSpec>,
    /// Whether the matrices are stored `[in, out]`.
    pub(super) transposed: bool,
    /// Whether the outputs are each head's query, key and value instead of all queries, all keys, all values.
    pub(super) per_head: bool,
}

/// A norm's gain and bias, each where it has one.
pub struct NormTensors {
    pub(super) gain: Option<TensorSpec>,
    pub(super) bias: Option<TensorSpec>,
    pub(super) width: usize,
}

/// The tensors of one block.
pub struct BlockTensors {
    pub(super) attention_norm: NormTensors,
    pub(super) mlp_norm: Option<NormTensors>,
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
pub enum HeadTensors {
    /// The embedding, with a bias of its own where the family has one.
    Tied {
        /// The bias.
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
    pub fn new(config: &DecoderConfig, layout: &Layout, source: &dyn TensorSource) -> Self {
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
        let rotary_factors = match (&config.positions, &layout.rotary_factors) {
            (Positions::Rotary(rotary), Some(name)) if source.contains(name) => {
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
        Self {
            embedding,
            positions,
            embedding_norm: layout.embedding_norm.as_ref().map(|name| outside.norm(name, config.hidden)),
            projections,
            rotary_factors,
            blocks: layout.layers.iter().map(|names| within.block(names)).collect(),
            final_norm: layout.final_norm.as_ref().map(|name| outside.norm(name, config.hidden)),
            head,
        }
    }

    /// All of them. Every field is named here: one that is added has to be looked at too.
    pub fn all(&self) -> Vec<&TensorSpec> {
        let Self { embedding, positions, embedding_norm, projections, rotary_factors, blocks, final_norm, head } = self;
        let mut all = vec![embedding];
        all.extend(positions.iter().chain(rotary_factors));
        all.extend(embedding_norm.iter().chain(final_norm).flat_map(NormTensors::all));
        all.extend(projections.iter().flat_map(|(into, out)| into.all().chain(out.all())));
        for block in blocks {
            let BlockTensors { attention_norm, mlp_norm, qkv, head_norms, attention_output, up, down } = block;
            let heads = head_norms.iter().flat_map(|(query, key)| [query, key]);
            let norms = std::iter::once(attention_norm).chain(mlp_norm).chain(heads);
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
    pub fn check(&self, source: &dyn TensorSource) -> Result<(), ModelError> {
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

struct Shapes<'a> {
    config: &'a DecoderConfig,
    transposed: bool,
}

impl Shapes<'_> {
    fn block(&self, names: &LayerNames) -> BlockTensors {
        let config = self.config;
        let (heads, kv_heads, width) = (config.heads, config.kv_heads, config.head_dim);
        let qkv = match &names.qkv {
            QkvNames::Separate { query, key, value } => {
                let parts = [(query, heads * width), (key, kv_heads * width), (value, kv_heads * width)];
                self.linear(&parts, config.hidden)
            }
            QkvNames::Blocks(name) => self.linear(&[(name, (heads + 2 * kv_heads) * width)], config.hidden),
            QkvNames::PerHead(name) => {
                LinearTensors { per_head: true, ..self.linear(&[(name, 3 * heads * width)], config.hidden) }
            }
        };
        let first = names.gate.iter().chain([&names.up]).map(|name| (name, config.intermediate));
        BlockTensors {
            attention_norm: self.norm(&names.attention_norm, config.hidden),
            mlp_norm: names.mlp_norm.as_ref().map(|name| self.norm(name, config.hidden)),
            qkv,
            head_norms: names.head_norms.as_ref().map(|(query, key)| (self.norm(query, width), self.norm(key, width))),
            attention_output: self.linear(&[(&names.attention_output, config.hidden)], heads * width),
            up: self.linear(&first.collect::<Vec<_>>(), config.hidden),
            down: self.linear(&[(&names.down, config.hidden)], config.intermediate),
        }
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
