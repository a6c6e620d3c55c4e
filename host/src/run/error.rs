//! Why there is no run, or no whole one: an error of one of its stages, or of what it uses.

use super::execute::error::StepError;
use super::folder::error::FolderError;
use super::inputs::error::{ConfigError, PluginRequestError, SplitError, TunedWithError};
use super::plan::error::{DrawError, PlanError};
use super::plan::usable::UnusableRow;
use super::predict::PredictError;
use crate::context::ContextError;
use crate::diagnosis::{Diagnosis, Fault};
use ft_engine::model::ModelError;
use ft_engine::tune::TuneError;
use ft_record::analysis::AnalysisError;
use ft_record::files::samples::SampleError;
use ft_sandbox::{EngineError, PluginError};
use ft_store::datasets::error::DataError;
use ft_store::fs::error::FileError;
use ft_store::hub::fetch::FetchError;
use ft_store::table::RowError;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The options ask for no run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A plugin is not there, or not as it is asked for.
    #[error(transparent)]
    PluginRequest(#[from] PluginRequestError),
    /// A plugin's file could not be used, or a plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The WebAssembly engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There are no files for the model.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There are no rows.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A data file is malformed.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A split cannot be used.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// What is drawn cannot be shown or scored.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The output folder has something that the run cannot go on with.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Records of an earlier process are not those of one run.
    #[error(transparent)]
    Records(#[from] AnalysisError),
    /// Nothing can be predicted as it is asked for.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// What a saved context was tuned with is not there, or not as it was.
    #[error(transparent)]
    TunedWith(#[from] TunedWithError),
    /// A context cannot be saved or used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model's files are malformed, or it failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A Deep-Thinking step failed.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// A step's cache cannot be used.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The run of one task of a group failed.
    #[error("subtask `{name}`: {source}")]
    Subtask {
        /// The task's name in the group.
        name: String,
        /// Why.
        source: Box<RunError>,
    },
    /// The user wanted the run to end. What was found before is recorded.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// Whether it is a score over an optimizer's cache that is not finite; see `--allow-nonfinite`.
    pub(in crate::run) fn is_score_not_finite(&self) -> bool {
        matches!(self, Self::Step(StepError::Sample { source: SampleError::NotFinite { .. }, .. }))
    }

    /// Whether it is a pass of the model itself that is not finite, without an optimizer's part in it.
    pub(in crate::run) fn is_pass_not_finite(&self) -> bool {
        matches!(
            self,
            Self::Model(ModelError::NotFinitePass { .. })
                | Self::Tune(TuneError::Model(ModelError::NotFinitePass { .. }))
        )
    }

    /// The error with the name of the group's task whose run failed.
    pub(in crate::run) fn of_subtask(self, name: String) -> Self {
        Self::Subtask { name, source: Box::new(self) }
    }

    /// What the error is of, where it is no interruption.
    fn part(&self) -> Option<&dyn Diagnosis> {
        Some(match self {
            Self::Config(error) => error,
            Self::PluginRequest(error) => error,
            Self::Plugin(error) => error,
            Self::Engine(error) => error,
            Self::Fetch(error) => error,
            Self::Data(error) => error,
            Self::Row(error) => error,
            Self::Split(error) => error,
            Self::Draw(error) => error,
            Self::Plan(error) => error,
            Self::Folder(error) => error,
            Self::Records(error) => error,
            Self::Predict(error) => error,
            Self::TunedWith(error) => error,
            Self::Context(error) => error,
            Self::File(error) => error,
            Self::Model(error) => error,
            Self::Tune(error) => error,
            Self::Step(error) => error,
            Self::Subtask { source, .. } => source.as_ref(),
            Self::Interrupted => return None,
        })
    }
}

impl Diagnosis for RunError {
    fn fault(&self) -> Fault {
        self.part().map_or(Fault::Interrupted, Diagnosis::fault)
    }

    fn hint(&self) -> Option<String> {
        self.part().and_then(Diagnosis::hint)
    }
}

impl From<UnusableRow> for RunError {
    fn from(error: UnusableRow) -> Self {
        Self::Draw(error.into())
    }
}
