//! How the model is computed.

use super::parse;
use ft_engine::model::device::{DTypeChoice, DeviceChoice};
use ft_engine::model::weights::WeightFormat;

/// The most threads that `--threads` takes; the environment has no more.
pub const MOST_THREADS: usize = 1024;

/// Query tokens that run together: enough rows for the matrix products to be at their best, few enough to stop soon.
const BATCH_TOKENS: usize = 1024;

options! {
    /// Where the model runs, in which numbers, and on how much at a time.
    pub struct ComputeOptions {
        /// Where the model runs: `auto`, `cpu`, `cuda` or `cuda:N` [default: auto].
        #[arg(long)]
        device: Option<DeviceChoice>, default DeviceChoice::Auto, affects Results;

        /// Number format: `auto` (f32 on the CPU, bf16 on CUDA), `f32`, `bf16` or `f16` [default: auto].
        #[arg(long)]
        dtype: Option<DTypeChoice>, default DTypeChoice::Auto, affects Results;

        /// How weights are stored: `dense` in the number format, or `quantized` in 8 bit [default: dense].
        #[arg(long, value_parser = parse::one_of::<WeightFormat>(WeightFormat::ALL.map(WeightFormat::as_str)))]
        weights: Option<WeightFormat>, default WeightFormat::Dense, affects Results;

        /// Number of threads [default: one for each core].
        #[arg(long, value_name = "N")]
        threads: Option<usize>, parse parse::threads, affects Rounding;

        /// Number of query tokens that run together; results change only by rounding [default: 1024].
        #[arg(long, value_name = "N")]
        batch_tokens: Option<usize>, parse parse::batch_tokens, default BATCH_TOKENS, affects Rounding;
    }
}
