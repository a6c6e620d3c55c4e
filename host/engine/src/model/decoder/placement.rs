//! Where and how a decoder's weights are stored.

use candle_core::{DType, Device};

use crate::model::weights::WeightFormat;

/// Where a decoder runs, and how its weights are stored.
#[derive(Clone)]
pub struct Placement {
    /// The device that holds the weights and computes.
    pub device: Device,
    /// The number format of dense weights, keys and values; on devices other than the CPU of hidden states too.
    pub dtype: DType,
    /// The format of weight matrices.
    pub weights: WeightFormat,
}
