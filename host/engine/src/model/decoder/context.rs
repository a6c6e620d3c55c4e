//! What the model has read before a query, as a value.

use candle_core::Tensor;

use super::cache::KvCache;

/// What the model has read before a query: tuning makes one of demonstrations, scoring extends it by what all queries
/// start with, and a pass continues it. Like its cache it is never written to; a clone shares memory.
#[derive(Clone, Debug)]
pub struct Context {
    /// Keys and values of all that was read, in every layer; without layers where nothing was.
    pub cache: KvCache,
    /// The final hidden state of the last token that was read, `[1, embedding]`, ready for the output head: it predicts a
    /// query's first token. `None` where nothing was read.
    pub last_hidden: Option<Tensor>,
    /// The position id of the token that comes next. It need not be the cache's number of positions.
    pub next_position: usize,
    /// Where the context came from.
    pub provenance: Provenance,
}

/// Where a context came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// What was read first.
    pub origin: Origin,
    /// Tokens of a shared start that were read behind it; 0 for none.
    pub shared_start: usize,
}

/// What a context begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing: queries are scored zero-shot.
    ZeroShot {
        /// The token that the model expects at the beginning of a text, where it expects one. It is no part of the context:
        /// only a query that is scored from its first token on needs it.
        bos: Option<u32>,
    },
    /// Demonstrations, as a step of the method left their cache.
    Demonstrations {
        /// The step of the method after which this is their cache, from 1.
        step: usize,
    },
}

impl Context {
    /// Nothing read, for a model that expects `bos` at the beginning of a text.
    pub fn zero_shot(bos: Option<u32>) -> Self {
        let provenance = Provenance { origin: Origin::ZeroShot { bos }, shared_start: 0 };
        Self { cache: KvCache::default(), last_hidden: None, next_position: 0, provenance }
    }

    /// The step of the method that the context belongs to; 0 is zero-shot.
    pub fn step(&self) -> usize {
        match self.provenance.origin {
            Origin::ZeroShot { .. } => 0,
            Origin::Demonstrations { step } => step,
        }
    }

    /// The token to put before a text whose first token is to be predicted: the model's beginning of a text, where nothing
    /// that was read predicts it.
    pub(crate) fn bos(&self) -> Option<u32> {
        match self.provenance.origin {
            Origin::ZeroShot { bos } if self.last_hidden.is_none() => bos,
            _ => None,
        }
    }
}
