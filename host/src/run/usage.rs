//! What the plugins of a run used of what they may use.

use ft_sandbox::{Description, Limits, Usage};

/// One plugin's use of its limits.
#[derive(Clone, Debug)]
pub struct PluginUsage {
    /// The plugin's name and version.
    pub plugin: String,
    /// What it used.
    pub usage: Usage,
    /// What it may use.
    pub limits: Limits,
}

impl PluginUsage {
    /// Of a plugin that says so of itself.
    pub fn new(description: &Description, usage: Usage, limits: &Limits) -> Self {
        Self { plugin: format!("{} {}", description.name, description.version), usage, limits: limits.clone() }
    }

    /// Adds what the plugins of one run used to what those of others did.
    pub(in crate::run) fn add_to(all: &mut Vec<PluginUsage>, run: Vec<PluginUsage>) {
        for one in run {
            match all.iter_mut().find(|other| other.plugin == one.plugin) {
                Some(other) => other.usage.add(&one.usage),
                None => all.push(one),
            }
        }
    }
}
