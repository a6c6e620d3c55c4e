//! Predictions behind saved contexts: rows without answers become queries, batch by batch, as they come.
//!
//! [`Predictor::open`] opens again what the contexts were tuned with and holds them to it; everything but the weights is read
//! and checked before those are. Of several contexts the mean of the choices' probabilities predicts.

mod calibration;
mod error;
mod prediction;
mod predictor;
mod query;
mod reopen;

pub use calibration::Calibrate;
pub use error::PredictError;
pub use prediction::{Calibrated, Prediction, RowPrediction};
pub use predictor::{PredictRequest, Predictor, PreparedQuery, PreparedRow};
