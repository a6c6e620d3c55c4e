//! Everything of a plugin that a run would refuse, before any weights.

use candle_core::Device;

use super::card::PluginCard;
use crate::run::{Configured, PluginSpec, PluginUsage, Plugins, RunError};
use ft_sandbox::PluginKind;
use ft_sandbox::options::OptionSetting;

/// A plugin that a run takes.
#[derive(Debug)]
pub struct Validated {
    /// What it is.
    pub card: PluginCard,
    /// The values of all options that the plugin was started with.
    pub options: Vec<OptionSetting>,
    /// What that took.
    pub usage: PluginUsage,
}

/// Starts a plugin with options as a run does: it is a component of a world and version that this host takes, describes
/// itself, takes its options; a task then names sound sources, labels and demonstrations of its own.
///
/// # Errors
/// What a run would say.
pub fn validate(plugins: &Plugins, spec: PluginSpec<'_>) -> Result<Validated, RunError> {
    let PluginSpec { file, limits, .. } = spec;
    let inspection = plugins.inspect(file, limits)?;
    let kind = inspection.kind;
    let card = PluginCard::new(file.display().to_string(), inspection);
    let (options, usage) = match kind {
        PluginKind::Task => {
            let Configured { plugin: mut task, options } = plugins.task(spec)?;
            task.sources()?;
            task.labels()?;
            task.written()?;
            task.prompt_description()?;
            task.separator()?;
            (options, PluginUsage::new(task.description(), task.usage(), limits))
        }
        PluginKind::Optimizer => {
            let Configured { plugin: optimizer, options } = plugins.optimizer(spec, &Device::Cpu)?;
            (options, PluginUsage::new(optimizer.description(), optimizer.usage(), limits))
        }
    };
    Ok(Validated { card, options, usage })
}
