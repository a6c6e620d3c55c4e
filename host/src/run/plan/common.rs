//! What the runs of a group have in common: each part is made when the first of them needs it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::model::OpenModel;
use crate::run::inputs::plugins::Plugins;
use crate::run::observer::Observer;
use ft_engine::model::families::UnknownSettings;
use ft_sandbox::EngineOptions;
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::digest_cache::DigestCache;
use ft_store::hub::fetch::fetch_model;
use ft_store::models::files::{FileDigest, FilesState, ModelFiles};

/// A model's files, opened.
pub(in crate::run) struct ModelInput {
    pub(in crate::run) files: ModelFiles,
    /// How the files stood before any of them was read.
    pub(in crate::run) state: FilesState,
    /// What they say, but for the weights.
    pub(in crate::run) model: OpenModel,
}

impl ModelInput {
    /// Finds a model's files and reads all of them but the weights.
    ///
    /// # Errors
    /// A model that cannot be had; those of [`OpenModel::open`].
    pub(in crate::run) fn open(name: &str, unknown: UnknownSettings, access: Access<'_>) -> Result<Self, RunError> {
        let files = fetch_model(name, access.environment, access.progress)?;
        let state = files.state()?;
        let model = OpenModel::open(&files, unknown)?;
        Ok(Self { files, state, model })
    }
}

/// The plugins' engine, and the one model.
pub(super) struct Common<'a> {
    pub(super) plugins: Plugins,
    pub(super) access: Access<'a>,
    paths: CachePaths,
    model: RefCell<Option<Rc<ModelInput>>>,
    /// The digests of the model's files, and whether they were computed now rather than remembered.
    digests: RefCell<Option<(bool, Vec<FileDigest>)>>,
}

impl<'a> Common<'a> {
    /// With nothing of the model read.
    ///
    /// # Errors
    /// A WebAssembly engine that cannot be made.
    pub(super) fn new(
        config: &RunConfig,
        access: Access<'a>,
        observer: &Arc<dyn Observer>,
        engine: &EngineOptions,
    ) -> Result<Self, RunError> {
        let paths = CachePaths::new(access.environment);
        let plugins = Plugins::new(&paths, observer, engine)?.requiring(&config.required_digests);
        Ok(Self { plugins, access, paths, model: RefCell::default(), digests: RefCell::default() })
    }

    /// The model that the runs name.
    ///
    /// # Errors
    /// Those of [`ModelInput::open`].
    pub(super) fn model(&self, config: &RunConfig) -> Result<Rc<ModelInput>, RunError> {
        let mut model = self.model.borrow_mut();
        if let Some(model) = &*model {
            return Ok(model.clone());
        }
        let unknown = if config.force { UnknownSettings::Note } else { UnknownSettings::Refuse };
        Ok(model.insert(Rc::new(ModelInput::open(&config.model, unknown, self.access)?)).clone())
    }

    /// The digests of the model's files; none of them remembered from another day where results are to be gone on with: it has to
    /// be the same model then, and not one that was once taken for it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn digests(&self, model: &ModelInput, goes_on: bool) -> Result<Vec<FileDigest>, RunError> {
        let mut known = self.digests.borrow_mut();
        if let Some((computed, digests)) = &*known
            && (*computed || !goes_on)
        {
            return Ok(digests.clone());
        }
        let remembered = DigestCache::new(&self.paths);
        let remembered = if goes_on { remembered.recomputing() } else { remembered };
        let digests = model.files.digests(&remembered, self.access.progress)?;
        Ok(known.insert((goes_on, digests)).1.clone())
    }
}
