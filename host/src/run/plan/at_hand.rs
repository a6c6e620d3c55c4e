//! The task and the model that are at hand, held to those that saved contexts were tuned with.

use std::collections::BTreeMap;

use candle_core::DType;
use serde_json::Value;

use super::common::ModelInput;
use super::record;
use crate::context::{ContextError, ContextFolder};
use crate::run::inputs::plugins::Configured;
use ft_engine::model::weights::WeightFormat;
use ft_engine::text::Untrusted;
use ft_record::files::context::ContextUse;
use ft_record::files::schema::{ModelRecord, OptionsRecord, PlanRecord, PluginRecord};
use ft_sandbox::TaskPlugin;
use ft_store::models::files::FileDigest;

/// What a saved context is to be used with, as it is written down.
pub(in crate::run) struct AtHand {
    pub(super) task: PluginRecord,
    task_options: BTreeMap<Untrusted, Untrusted<Value>>,
    pub(super) labels: Vec<Untrusted>,
    pub(super) model: ModelRecord,
    pub(super) dtype: Untrusted,
    weights: Untrusted,
}

impl AtHand {
    /// A task with its classes, none for one without, a model with the digests of its files, and how its numbers are held.
    pub(in crate::run) fn new(
        (task, labels): (&Configured<TaskPlugin>, &[String]),
        (model, digests): (&ModelInput, Vec<FileDigest>),
        (dtype, weights): (DType, WeightFormat),
    ) -> Self {
        Self {
            task: record::plugin(task.plugin.task_name(), task.plugin.description(), task.plugin.binary()),
            task_options: record::options(&task.options),
            labels: labels.iter().map(|label| label.as_str().into()).collect(),
            model: record::model(&model.files.origin, digests, &model.model),
            dtype: dtype.as_str().into(),
            weights: weights.to_string().into(),
        }
    }

    /// Holds a context to it; where the description is left open, it is the context's.
    ///
    /// # Errors
    /// [`ContextError::Mismatch`] names every difference.
    pub(in crate::run) fn check(&self, context: &ContextFolder, description: Option<&str>) -> Result<(), ContextError> {
        let PlanRecord { description: recorded, .. } = &context.record().plan;
        let given = description.map(Untrusted::from);
        context.check_use(&ContextUse {
            model: &self.model,
            dtype: &self.dtype,
            weights: &self.weights,
            task: &self.task,
            task_options: &self.task_options,
            labels: &self.labels,
            description: given.as_ref().unwrap_or(recorded),
        })
    }

    /// The model with its files.
    pub(in crate::run) fn model(&self) -> &ModelRecord {
        &self.model
    }

    /// The options of the task, beside those that the optimizer of a context had.
    pub(super) fn options(&self, context: &ContextFolder) -> OptionsRecord {
        let optimizer = context.record().plan.options.optimizer.clone();
        OptionsRecord { task: self.task_options.clone(), optimizer }
    }
}
