//! What handlers of requests share.

use std::sync::Arc;

use tokio::sync::watch;

use super::catalogue::{Catalogue, ComingCatalogue};
use super::config::{ServeConfig, Surroundings};
use super::contexts::Contexts;
use super::error::ApiError;
use super::metrics::Metrics;
use super::runs::Runs;
use super::scoring::Scoring;
use crate::run::Observer;

/// What handlers of requests share.
pub(super) struct Shared {
    pub config: ServeConfig,
    pub surroundings: Surroundings,
    pub contexts: Arc<Contexts>,
    pub scoring: Scoring,
    pub runs: Arc<Runs>,
    pub catalogue: ComingCatalogue,
    pub metrics: Arc<Metrics>,
    pub observer: Arc<dyn Observer>,
    /// Becomes true when the server is being stopped.
    pub stopping: watch::Receiver<bool>,
    /// One look at a prompt at a time: each opens a tokenizer.
    pub previews: Arc<tokio::sync::Semaphore>,
}

impl Shared {
    /// What runs may name, as soon as it is known.
    ///
    /// # Errors
    /// [`ApiError`] if it cannot be read.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, ApiError> {
        let mut catalogue = self.catalogue.clone();
        let known = catalogue.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        known.ok_or_else(|| ApiError::failed("expected plugins that can be listed, got none; stderr has more"))
    }
}
