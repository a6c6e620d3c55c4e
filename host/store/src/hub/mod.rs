//! The Hugging Face Hub: models and data sets, into the cache that all its tools share.

mod cached_models;
pub(crate) mod client;
mod download_watchdog;
pub mod error;
pub mod fetch;
pub(crate) mod model;
mod redirect;
mod retry;
pub(crate) mod wheel;
