//! For those who write plugins, and those who look at one before they run it: what it is, whether a run would take it,
//! whether it does what its author says, how it is built, and a folder to start from.
//!
//! - [`PluginCard`]: what a plugin is, as `plugin inspect` shows it. [`inventory`]: all plugins of the plugin path.
//! - [`validate`]: everything that a run would refuse, before any weights.
//! - [`check`]: fixtures, rows, determinism, malformed rows: what `plugin test` does.
//! - [`build`], [`scaffold`]: sources become a component; a new folder of sources.

pub mod build;
mod card;
pub mod check;
mod error;
mod inventory;
pub mod scaffold;
mod validate;

pub use card::{OptionCard, PluginCard};
pub use error::PluginDevError;
pub use inventory::{Listed, inventory};
pub use validate::{Validated, validate};
