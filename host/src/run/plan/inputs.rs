//! What a run is made of, read and checked by itself: the plugins with their options, the rows, the model without its
//! weights.

use std::rc::Rc;

use candle_core::Device;

use super::common::{Common, ModelInput};
use super::draw::{self, Drawn};
use super::dry_step::{Asked, dry_step};
use super::error::PlanError;
use super::fit::Room;
use super::render::Renderer;
use crate::run::error::RunError;
use crate::run::inputs::config::{Purpose, RunConfig};
use crate::run::inputs::model::OpenModel;
use crate::run::inputs::plugins::{Configured, Plugins};
use crate::run::inputs::rows::Rows;
use ft_sandbox::{OptimizerPlugin, TaskPlugin};

/// The token that choices without their queries stand behind; `None` where they are not scored.
///
/// # Errors
/// [`PlanError::NoTextStart`] for a model that names none.
pub(super) fn text_start(config: &RunConfig, model: &OpenModel) -> Result<Option<u32>, PlanError> {
    match model.tokenizer.text_start() {
        None if config.mutual_information => Err(PlanError::NoTextStart { model: config.model.clone() }),
        start => Ok(start.filter(|_| config.mutual_information)),
    }
}

/// All that a run is made of.
pub(super) struct Inputs {
    pub task: Configured<TaskPlugin>,
    /// The optimizer, for caches on the run's device.
    pub optimizer: Configured<OptimizerPlugin>,
    /// Demonstrations' and evaluation's rows.
    pub rows: Rows,
    pub model: Rc<ModelInput>,
}

impl Inputs {
    /// Loads the optimizer, reads the rows through the task, and opens the model's files.
    ///
    /// # Errors
    /// What is missing, malformed or refused of them; the optimizer comes first, then the rows, then the model.
    pub fn read(
        config: &RunConfig,
        mut task: Configured<TaskPlugin>,
        device: &Device,
        common: &Common<'_>,
    ) -> Result<Self, RunError> {
        let optimizer = common.plugins.optimizer(config.optimizer_spec(), device)?;
        let rows = Rows::read(&mut task.plugin, &config.task, config.purpose == Purpose::Score, common.access)?;
        if !config.force {
            rows.check_classes()?;
        }
        let model = common.model(config)?;
        Ok(Self { task, optimizer, rows, model })
    }

    /// Lets every seed draw, and holds what it draws to the model: its positions, and the tokens that it has embeddings for.
    ///
    /// # Errors
    /// Too few rows, an example that the prompt does not take, what does not fit, a failure of the task.
    pub fn draw(&mut self, config: &RunConfig) -> Result<Drawn, RunError> {
        let model = &self.model.model;
        let start = text_start(config, model)?;
        let room = Room {
            limit: model.family.config.max_positions,
            further_passes: (config.steps > 1).then_some(config.positions),
        };
        let renderer =
            Renderer::new(&mut self.task.plugin, &model.tokenizer, room, config.task.description.as_deref())?;
        let drawn = draw::draw(renderer, config, &self.rows)?;
        let folds = || drawn.draws.iter().flat_map(|draw| &draw.held_out.folds);
        model.check_ids(drawn.draws.iter().flat_map(|draw| &draw.record.demonstration_ids))?;
        model.check_ids(folds().flat_map(|fold| &fold.demonstrations.ids))?;
        let scored = drawn.scored().chain(folds().flat_map(|fold| &fold.queries));
        model.check_ids(scored.flat_map(|query| &query.tokens.choices).flat_map(|choice| &choice.ids))?;
        model.check_ids(&drawn.description.ids)?;
        model.check_ids(&model.tokenizer.bos())?;
        model.check_ids(&start)?;
        Ok(drawn)
    }

    /// Lets another instance of the optimizer take a step on a cache of as many layers as the model has, over the fewest
    /// positions that were drawn, and gives what it asked.
    ///
    /// # Errors
    /// What the optimizer says of its options.
    pub fn dry_step(&self, config: &RunConfig, plugins: &Plugins, drawn: &Drawn) -> Result<Asked, RunError> {
        let demonstrations = drawn.draws.iter().map(|draw| &draw.demonstrations);
        match demonstrations.min_by_key(|demonstrations| demonstrations.ids.len()) {
            Some(fewest) if !fewest.ids.is_empty() && config.steps > 1 => {
                let layers = self.model.model.family.config.layers.len();
                dry_step(plugins, config.optimizer_spec(), fewest, layers)
            }
            _ => Ok(Asked::default()),
        }
    }
}
