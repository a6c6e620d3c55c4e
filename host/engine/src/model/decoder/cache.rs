//! The key/value cache as a value.

use candle_core::{Result, Tensor};

/// Keys and values of one layer, both `[kv_heads, positions, head_dim]`. Rotary keys are stored after rotation.
#[derive(Clone, Debug)]
pub struct LayerCache {
    /// The keys of all positions.
    pub keys: Tensor,
    /// The values of all positions.
    pub values: Tensor,
}

/// The keys and values of some positions, over all layers. Never written after it is made; a clone shares memory.
#[derive(Clone, Debug, Default)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    positions: usize,
}

impl KvCache {
    /// A cache of these layers.
    ///
    /// # Errors
    /// Layers whose keys and values differ in shape, or that differ in their number of positions.
    pub fn new(layers: Vec<LayerCache>) -> Result<Self> {
        let positions = match layers.first() {
            Some(layer) => layer.keys.dim(1)?,
            None => 0,
        };
        for layer in &layers {
            if layer.keys.dims() != layer.values.dims() || layer.keys.dim(1)? != positions {
                candle_core::bail!(
                    "a cache of {positions} positions has a layer with keys {:?} and values {:?}",
                    layer.keys.dims(),
                    layer.values.dims()
                )
            }
        }
        Ok(Self { layers, positions })
    }

    /// This cache's positions and another's behind them.
    ///
    /// # Errors
    /// Caches of different models.
    pub(crate) fn followed_by(&self, next: &KvCache) -> Result<Self> {
        if self.layers.len() != next.layers.len() {
            candle_core::bail!("a cache of {} layers behind one of {}", next.layers.len(), self.layers.len())
        }
        let joined = |before: &Tensor, after: &Tensor| Tensor::cat(&[before, after], 1)?.contiguous();
        let layers = self.layers.iter().zip(&next.layers).map(|(before, after)| {
            let keys = joined(&before.keys, &after.keys)?;
            Ok(LayerCache { keys, values: joined(&before.values, &after.values)? })
        });
        Self::new(layers.collect::<Result<_>>()?)
    }

    /// The layers, from the first.
    pub fn layers(&self) -> &[LayerCache] {
        &self.layers
    }

    /// All matrices: layer 0 keys, layer 0 values, layer 1 keys, and so on, which is the order of slots.
    pub fn matrices(&self) -> impl Iterator<Item = &Tensor> {
        self.layers.iter().flat_map(|layer| [&layer.keys, &layer.values])
    }

    /// A cache of matrices in the order of [`Self::matrices`]; one without a partner at the end is left out.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_matrices(matrices: impl IntoIterator<Item = Tensor>) -> Result<Self> {
        let mut matrices = matrices.into_iter();
        let mut layers = Vec::new();
        while let (Some(keys), Some(values)) = (matrices.next(), matrices.next()) {
            layers.push(LayerCache { keys, values });
        }
        Self::new(layers)
    }

    /// How many positions it covers.
    pub fn positions(&self) -> usize {
        self.positions
    }
}
