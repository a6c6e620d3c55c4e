//! Which models the hub's cache has in full.

use crate::hub::client::Hub;
use crate::hub::error::HubError;
use crate::hub::model::Cached;
use crate::hub_id::HubId;
use crate::models::files::ListedModel;
use crate::models::names::{BPE_TOKENIZER, CONFIG, TOKENIZER};

impl Hub<'_> {
    /// The models of the hub's cache that are there in full, each repository once, sorted by name.
    pub(crate) fn cached_models(&self) -> Result<Vec<ListedModel>, HubError> {
        // Where no folder is, or none that this user may look into, there are none for this user.
        if std::fs::read_dir(self.cache).is_err() {
            return Ok(Vec::new());
        }
        let scan = self.client.scan_cache().send().map_err(|source| HubError::Client {
            endpoint: self.environment.endpoint.clone(),
            source: Box::new(source),
        })?;
        let mut listed = Vec::new();
        for repository in scan.repos.into_iter().filter(|repository| repository.repo_type == "model") {
            let whole = repository.revisions.iter().find(|revision| {
                let id = HubId { repository: repository.repo_id.clone(), revision: revision.commit_hash.clone() };
                self.is_whole(&id)
            });
            listed.extend(whole.map(|revision| ListedModel {
                name: repository.repo_id.clone(),
                summary: String::new(),
                bytes: repository.size_on_disk,
                path: Some(revision.snapshot_path.clone()),
            }));
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Whether the cache has what a model needs; what it leaves open is not asked here.
    fn is_whole(&self, id: &HubId) -> bool {
        let here = |file: &str| self.cached(id, file).is_some();
        let [vocabulary, merges] = BPE_TOKENIZER;
        here(CONFIG)
            && (here(TOKENIZER) || here(vocabulary) && here(merges))
            && matches!(self.cached_weights(id), Ok(Cached::Whole(_)))
            && self.cached_adapter(id) != Some(true)
    }
}
