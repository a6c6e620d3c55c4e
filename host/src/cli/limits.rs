//! Budgets of plugins as a user writes them: flags for all plugins, and tables of a run file for one of them.

use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::values::{self, Bytes, Text};
use ft_sandbox::Limits;

/// The heading of these flags in a command's help.
pub const PLUGIN_LIMITS: &str = "Plugin limits";

/// The budgets; what is not set is left to others. As flags they are those of the commands that take a single plugin;
/// `ft-host run` has the same among its settings.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LimitSettings {
    /// Instructions for each call, in WebAssembly fuel [default: 10000000000]
    #[arg(long = "plugin-fuel", value_name = "FUEL", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Seconds for each call [default: 60]
    #[arg(long = "plugin-time", value_name = "SECONDS", value_parser = values::seconds, help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Seconds for compiling one plugin, once for each version of it; three times as long for more than 4 MiB [default: 20]
    #[arg(
        long = "plugin-compile-time",
        value_name = "SECONDS",
        value_parser = values::seconds,
        help_heading = PLUGIN_LIMITS
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_time: Option<f64>,
    /// Bytes of address space for compiling one plugin, with k, M or G [default: 1G]
    #[arg(long = "plugin-compile-memory", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_memory: Option<Text<Bytes>>,
    /// Bytes of linear memory, with k, M or G [default: 256M]
    #[arg(long = "plugin-memory", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Text<Bytes>>,
    /// Table elements, and handles to host resources [default: 100000]
    #[arg(long = "plugin-tables", value_name = "N", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<usize>,
    /// Bytes that one call moves across the boundary, with k, M or G [default: 64M]
    #[arg(long = "plugin-call-bytes", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_bytes: Option<Text<Bytes>>,
    /// Bytes of live tensors that the plugin made, with k, M or G [default: 2G]
    #[arg(long = "plugin-tensor-bytes", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor_bytes: Option<Text<Bytes>>,
}

impl LimitSettings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and `other`'s where they say nothing.
    pub fn or(self, other: Self) -> Self {
        Self {
            fuel: self.fuel.or(other.fuel),
            time: self.time.or(other.time),
            compile_time: self.compile_time.or(other.compile_time),
            compile_memory: self.compile_memory.or(other.compile_memory),
            memory: self.memory.or(other.memory),
            tables: self.tables.or(other.tables),
            call_bytes: self.call_bytes.or(other.call_bytes),
            tensor_bytes: self.tensor_bytes.or(other.tensor_bytes),
        }
    }

    /// These, but none above what `most` sets: a file's budgets stay within the user's flags.
    pub fn at_most(self, most: &Self) -> Self {
        Self {
            fuel: lower(self.fuel, most.fuel),
            time: lower(self.time, most.time),
            compile_time: lower(self.compile_time, most.compile_time),
            compile_memory: lower(self.compile_memory, most.compile_memory),
            memory: lower(self.memory, most.memory),
            tables: lower(self.tables, most.tables),
            call_bytes: lower(self.call_bytes, most.call_bytes),
            tensor_bytes: lower(self.tensor_bytes, most.tensor_bytes),
        }
    }

    /// The budgets of a plugin, `others` where these say nothing.
    pub fn over(&self, others: &Limits) -> Limits {
        Limits {
            fuel: self.fuel.unwrap_or(others.fuel),
            time: self.time.map_or(others.time, Duration::from_secs_f64),
            compile_time: self.compile_time.map_or(others.compile_time, Duration::from_secs_f64),
            compile_memory: self.compile_memory.map_or(others.compile_memory, |Text(Bytes(bytes))| bytes),
            memory: self.memory.map_or(others.memory, |Text(Bytes(bytes))| bytes),
            table_elements: self.tables.unwrap_or(others.table_elements),
            call_bytes: self.call_bytes.map_or(others.call_bytes, |Text(Bytes(bytes))| bytes),
            tensor_bytes: self.tensor_bytes.map_or(others.tensor_bytes, |Text(Bytes(bytes))| bytes),
            ..others.clone()
        }
    }

    /// What cannot be a budget, in words.
    pub fn fault(&self) -> Option<String> {
        [("time", self.time), ("compile-time", self.compile_time)].into_iter().find_map(|(name, time)| {
            let time = time?;
            let expected = values::seconds(&time.to_string()).err()?;
            Some(format!("`{name} = {time}`: {expected}"))
        })
    }
}

fn lower<T: PartialOrd + Copy>(value: Option<T>, most: Option<T>) -> Option<T> {
    match (value, most) {
        (Some(value), Some(most)) if value > most => Some(most),
        (value, _) => value,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::settings::Settings;
    use super::*;

    #[derive(Parser)]
    struct OfOnePlugin {
        #[command(flatten)]
        limits: LimitSettings,
    }

    #[derive(Parser)]
    struct OfARun {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn a_single_plugin_has_the_flags_of_a_run() {
        let limits = |command: clap::Command| -> Vec<(String, String)> {
            let flags = command.get_arguments().filter(|flag| flag.get_help_heading() == Some(PLUGIN_LIMITS));
            flags.map(|flag| (flag.get_long().unwrap().to_owned(), flag.get_help().unwrap().to_string())).collect()
        };
        let of_one = limits(OfOnePlugin::command());
        assert_eq!(of_one.len(), 8);
        assert_eq!(of_one, limits(OfARun::command()));
    }

    #[test]
    fn a_table_stays_within_the_flags() {
        let table: LimitSettings = toml::from_str("fuel = 50\nmemory = \"1G\"\ntime = 5").unwrap();
        let flags: LimitSettings = toml::from_str("fuel = 100\nmemory = \"64M\"\ncall-bytes = 7").unwrap();
        let within = table.at_most(&flags);
        let expected: LimitSettings = toml::from_str("fuel = 50\nmemory = \"64M\"\ntime = 5").unwrap();
        assert_eq!(within, expected);
        let limits = within.or(flags).over(&Limits::default());
        assert_eq!((limits.fuel, limits.memory, limits.call_bytes), (50, 64 << 20, 7));
        assert_eq!((limits.time, limits.tensor_bytes), (Duration::from_secs(5), Limits::default().tensor_bytes));
    }

    #[test]
    fn what_is_no_budget_is_refused() {
        for text in ["fuel = -1", "memory = \"many\"", "tables = 1.5", "cpu = 3"] {
            assert!(toml::from_str::<LimitSettings>(text).is_err(), "{text}");
        }
        for text in ["time = 0", "time = nan", "time = -3.0", "time = 1e12"] {
            assert!(toml::from_str::<LimitSettings>(text).unwrap().fault().is_some(), "{text}");
        }
        assert_eq!(LimitSettings::default().fault(), None);
    }
}
