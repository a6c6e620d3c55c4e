//! Where a family keeps its weights: tensor names as data.

use super::config::HalfNorms;

/// A weight matrix, with its bias where the checkpoint has one.
#[derive(Clone, Debug)]
pub struct LinearName {
    /// The name of the matrix.
    pub weight: String,
    /// The name of the bias; `None` if the family has none there.
    pub bias: Option<String>,
}

impl LinearName {
    /// `{prefix}.weight` and, if so said, `{prefix}.bias`.
    pub fn new(prefix: &str, bias: bool) -> Self {
        Self { weight: format!("{prefix}.weight"), bias: bias.then(|| format!("{prefix}.bias")) }
    }

    /// The output head: the embedding it is tied to, or a matrix of its own below the prefix.
    pub(crate) fn head(prefix: &str, tied_to: Option<&String>, bias: bool) -> Self {
        let own = Self::new(prefix, bias);
        Self { weight: tied_to.cloned().unwrap_or(own.weight), bias: own.bias }
    }
}

/// A norm's gain, and its bias where the kind of norm has one.
#[derive(Clone, Debug)]
pub struct NormName {
    /// The prefix before `.weight` and `.bias`.
    pub prefix: String,
    /// Whether there is a gain (and a bias) at all; OPT can be trained without.
    pub scaled: bool,
}

impl NormName {
    /// A norm below a prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), scaled: true }
    }
}

impl HalfNorms<Option<NormName>> {
    /// The name of a norm before a half that has no other.
    pub(crate) fn input(name: NormName) -> Self {
        Self { input: Some(name), output: None, sum: None }
    }

    /// The name of a norm of the sum, in a half that has no other.
    pub(crate) fn sum(name: NormName) -> Self {
        Self { input: None, output: None, sum: Some(name) }
    }
}

/// How a family stores the projections to queries, keys and values.
#[derive(Clone, Debug)]
pub enum QkvNames {
    /// Three matrices, one for each projection.
    Separate {
        /// The projection to queries.
        query: LinearName,
        /// The projection to keys.
        key: LinearName,
        /// The projection to values.
        value: LinearName,
    },
    /// One matrix: all queries, then all keys, then all values.
    Blocks(LinearName),
    /// One matrix: for each head its query, key and value.
    PerHead(LinearName),
}

/// The names within one block.
#[derive(Clone, Debug)]
pub struct LayerNames {
    /// The norms around attention; a name for each that the layer's configuration has.
    pub attention_norms: HalfNorms<Option<NormName>>,
    /// The norms around the MLP.
    pub mlp_norms: HalfNorms<Option<NormName>>,
    /// Projections to queries, keys and values.
    pub qkv: QkvNames,
    /// Norms over each head's query and key, before rotation (Qwen3).
    pub head_norms: Option<(NormName, NormName)>,
    /// Projection of the heads' outputs.
    pub attention_output: LinearName,
    /// The MLP's gate, where the model's is gated.
    pub gate: Option<LinearName>,
    /// The MLP's first matrix.
    pub up: LinearName,
    /// The MLP's second matrix.
    pub down: LinearName,
}

/// The names of a whole model.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What checkpoints saved from the model without its head leave out at the beginning of every name.
    pub prefix: &'static str,
    /// The token embedding, `[vocabulary, embedding]`.
    pub embedding: String,
    /// The table of learned positions; `None` where positions are not learned.
    pub positions: Option<String>,
    /// Norm over the embedding (BLOOM).
    pub embedding_norm: Option<NormName>,
    /// Projections from the embedding's width to the model's and back (OPT-350m).
    pub embedding_projections: Option<(LinearName, LinearName)>,
    /// Norm before the output head; `None` for post-norm models without one.
    pub final_norm: Option<NormName>,
    /// Output head; names the embedding where it is tied to it.
    pub head: LinearName,
    /// The name that a tied head has of its own: some checkpoints store the matrix under it, alone or once more.
    pub tied_head: Option<String>,
    /// Rotary frequencies' divisors, one per pair, where the file carries them (Llama 3 as GGUF).
    pub rotary_factors: Option<String>,
    /// One entry per block.
    pub layers: Vec<LayerNames>,
    /// Matrices are stored `[in, out]` (GPT-2) instead of `[out, in]`.
    pub transposed: bool,
}
