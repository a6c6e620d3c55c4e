//! Everything of a plugin that a run would refuse, before any weights.

use std::path::Path;

use candle_core::Device;

use super::PluginCard;
use crate::run::{PluginUsage, Plugins, RunError, TaskConfig, resolve_options};
use ft_sandbox::options::OptionSetting;
use ft_sandbox::{Limits, PluginKind};

/// A plugin that a run takes.
#[derive(Debug)]
pub struct Validated {
    /// What it is.
    pub card: PluginCard,
    /// Its options with the values that it was opened with.
    pub options: Vec<OptionSetting>,
    /// What that took.
    pub usage: PluginUsage,
}

/// Starts a plugin with options as a run does: it is a component of a world and version that this host takes, describes
/// itself, takes its options; a task then names sound sources, labels and demonstrations of its own.
///
/// # Errors
/// What a run would say.
pub fn validate(
    plugins: &Plugins,
    file: &Path,
    options: &[(String, String)],
    limits: &Limits,
) -> Result<Validated, RunError> {
    let inspection = plugins.inspect(file, limits)?;
    let kind = inspection.kind;
    let card = PluginCard::new(file.display().to_string(), inspection);
    let (options, usage) = match kind {
        PluginKind::Task => {
            let config = TaskConfig { options: options.to_vec(), ..TaskConfig::bare(file, limits) };
            let (mut task, options) = plugins.task(&config)?;
            task.sources()?;
            task.labels()?;
            task.written()?;
            task.separator()?;
            (options, PluginUsage::new(task.description(), task.usage(), limits))
        }
        PluginKind::Optimizer => {
            let mut optimizer = plugins.optimizer(file, limits, &Device::Cpu)?;
            let options = resolve_options(optimizer.description(), options)?;
            optimizer.open(&options)?;
            (options, PluginUsage::new(optimizer.description(), optimizer.usage(), limits))
        }
    };
    Ok(Validated { card, options, usage })
}
