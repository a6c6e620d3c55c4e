//! Limits of plugins: flags for all plugins, and tables of a run file for one of them.

use std::time::Duration;

use serde::{Deserializer, Serializer};

use super::define::{OptionGroup, deserialize, serialize};
use super::parse::{self, Bytes};
use super::value::OptionValue;
use ft_sandbox::Limits;

/// The heading of these flags in a command's help.
const PLUGIN_LIMITS: &str = "Plugin limits";

options! {
    /// Limits of every plugin.
    pub struct LimitOptions {
        /// Instructions per call, in WebAssembly fuel [default: 10000000000]
        #[arg(long = "plugin-fuel", value_name = "FUEL", help_heading = PLUGIN_LIMITS)]
        fuel as "plugin-fuel": Option<u64>, default Limits::default().fuel,
            recorded "config.limits", affects Nothing;

        /// Seconds per call [default: 60]
        #[arg(long = "plugin-time", value_name = "SECONDS", help_heading = PLUGIN_LIMITS)]
        time as "plugin-time": Option<f64>, parse parse::seconds,
            default Limits::default().time.as_secs_f64(),
            recorded "config.limits", affects Nothing;

        /// Seconds for compiling one plugin, once per version; three times as many for a file of more than 4 MiB
        /// [default: 20]
        #[arg(long = "plugin-compile-time", value_name = "SECONDS", help_heading = PLUGIN_LIMITS)]
        compile_time as "plugin-compile-time": Option<f64>, parse parse::seconds,
            default Limits::default().compile_time.as_secs_f64(),
            recorded "config.limits", affects Nothing;

        /// Bytes of address space for compiling one plugin, with k, M or G [default: 1G]
        #[arg(long = "plugin-compile-memory", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
        compile_memory as "plugin-compile-memory": Option<Bytes>, default Bytes(Limits::default().compile_memory),
            recorded "config.limits", affects Nothing;

        /// Bytes of linear memory, with k, M or G [default: 256M]
        #[arg(long = "plugin-memory", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
        memory as "plugin-memory": Option<Bytes>, default Bytes(Limits::default().memory),
            recorded "config.limits", affects Nothing;

        /// Elements of tables, and as many handles to host resources [default: 100000]
        #[arg(long = "plugin-tables", value_name = "N", help_heading = PLUGIN_LIMITS)]
        tables as "plugin-tables": Option<usize>, default Limits::default().table_elements,
            recorded "config.limits", affects Nothing;

        /// Bytes that one call transfers between plugin and host, with k, M or G [default: 64M]
        #[arg(long = "plugin-call-bytes", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
        call_bytes as "plugin-call-bytes": Option<Bytes>, default Bytes(Limits::default().call_bytes),
            recorded "config.limits", affects Nothing;

        /// Bytes of live tensors that the plugin made, with k, M or G [default: 2G]
        #[arg(long = "plugin-tensor-bytes", value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
        tensor_bytes as "plugin-tensor-bytes": Option<Bytes>, default Bytes(Limits::default().tensor_bytes),
            recorded "config.limits", affects Nothing;

        /// Passes of the model that one step of an optimizer asks for, a gradient counted twice [default: 100]
        #[arg(long = "plugin-passes", value_name = "N", help_heading = PLUGIN_LIMITS)]
        passes as "plugin-passes": Option<usize>, default Limits::default().passes,
            recorded "config.limits", affects Nothing;
    }
}

impl LimitOptions {
    /// These limits, but none above what `most` sets: a run file's limits stay within the flags.
    pub(crate) fn at_most(self, most: &Self) -> Self {
        Self {
            fuel: lower(self.fuel, most.fuel),
            time: lower(self.time, most.time),
            compile_time: lower(self.compile_time, most.compile_time),
            compile_memory: lower(self.compile_memory, most.compile_memory),
            memory: lower(self.memory, most.memory),
            tables: lower(self.tables, most.tables),
            call_bytes: lower(self.call_bytes, most.call_bytes),
            tensor_bytes: lower(self.tensor_bytes, most.tensor_bytes),
            passes: lower(self.passes, most.passes),
        }
    }

    /// The limits of a plugin, with those of `others` where an option is open.
    pub fn over(&self, others: &Limits) -> Limits {
        Limits {
            fuel: self.fuel.unwrap_or(others.fuel),
            time: self.time.map_or(others.time, Duration::from_secs_f64),
            compile_time: self.compile_time.map_or(others.compile_time, Duration::from_secs_f64),
            compile_memory: self.compile_memory.map_or(others.compile_memory, |Bytes(bytes)| bytes),
            memory: self.memory.map_or(others.memory, |Bytes(bytes)| bytes),
            table_elements: self.tables.unwrap_or(others.table_elements),
            call_bytes: self.call_bytes.map_or(others.call_bytes, |Bytes(bytes)| bytes),
            tensor_bytes: self.tensor_bytes.map_or(others.tensor_bytes, |Bytes(bytes)| bytes),
            passes: self.passes.unwrap_or(others.passes),
            ..others.clone()
        }
    }
}

fn lower<T: PartialOrd + Copy>(value: Option<T>, most: Option<T>) -> Option<T> {
    match (value, most) {
        (Some(value), Some(most)) if value > most => Some(most),
        (value, _) => value,
    }
}

/// Limits of one plugin, a table of a run file with the names of the flags less their `plugin-`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitTable(pub LimitOptions);

/// What the flags' names have and a table's do not.
const PREFIX: &str = "plugin-";

impl OptionValue for LimitTable {
    type Item = LimitOptions;

    const IS_TABLE: bool = true;

    fn is_set(&self) -> bool {
        self.0 != LimitOptions::default()
    }

    fn or(self, below: Self) -> Self {
        Self(self.0.overlay(below.0))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read_named("", deserializer)
    }

    fn read_named<'de, D: Deserializer<'de>>(name: &str, deserializer: D) -> Result<Self, D::Error> {
        deserialize(name, PREFIX, deserializer).map(Self)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(PREFIX, &self.0, serializer)
    }
}

options! {
    /// Limits of single plugins, in run files only; they stay within those of the flags.
    pub struct LimitTables {
        /// Limits of the task alone.
        #[arg(skip)]
        task_limits: LimitTable, recorded "config.limits", affects Nothing;

        /// Limits of the optimizer alone.
        #[arg(skip)]
        optimizer_limits: LimitTable, recorded "config.optimizer_limits", affects Nothing;
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;
    use crate::options::RunOptions;

    #[test]
    fn a_single_plugin_has_the_flags_of_a_run() {
        let limits = |command: Command| -> Vec<(String, String)> {
            let flags = command.get_arguments().filter(|flag| flag.get_help_heading() == Some(PLUGIN_LIMITS));
            flags.map(|flag| (flag.get_long().unwrap().to_owned(), flag.get_help().unwrap().to_string())).collect()
        };
        let of_one = limits(LimitOptions::augment_args(Command::new("one")));
        assert_eq!(of_one.len(), 9);
        assert_eq!(of_one, limits(RunOptions::augment_args(Command::new("run"))));
    }

    fn table(text: &str) -> LimitOptions {
        read(text).unwrap()
    }

    fn read(text: &str) -> Result<LimitOptions, String> {
        let tables: Result<LimitTables, _> = toml::from_str(&format!("[task-limits]\n{text}"));
        tables.map(|tables| tables.task_limits.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_stays_within_the_flags() {
        let of_task = table("fuel = 50\nmemory = \"1G\"\ntime = 5\npasses = 9");
        let flags = table("fuel = 100\nmemory = \"64M\"\ncall-bytes = 7\npasses = 8");
        let within = of_task.at_most(&flags);
        assert_eq!(within, table("fuel = 50\nmemory = \"64M\"\ntime = 5\npasses = 8"));
        let limits = within.overlay(flags).over(&Limits::default());
        assert_eq!((limits.fuel, limits.memory, limits.call_bytes, limits.passes), (50, 64 << 20, 7, 8));
        assert_eq!((limits.time, limits.tensor_bytes), (Duration::from_secs(5), Limits::default().tensor_bytes));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in ["fuel = -1", "memory = \"many\"", "tables = 1.5", "cpu = 3", "plugin-fuel = 3"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["time = 0", "time = nan", "time = -3.0", "time = 1e12"] {
            assert!(read(text).unwrap_err().contains("expected a positive number of seconds"), "{text}");
        }
        assert!(!LimitTable::default().is_set());
        let unknown = read("cpu = 3").unwrap_err();
        assert!(unknown.contains("unknown field `cpu`, expected one of `fuel`, `time`"), "{unknown}");
    }

    #[test]
    fn a_table_is_written_as_it_is_read() {
        let tables = LimitTables { task_limits: LimitTable(table("fuel = 50\nmemory = \"1G\"")), ..Default::default() };
        assert_eq!(toml::to_string(&tables).unwrap(), "[task-limits]\nfuel = 50\nmemory = \"1G\"\n");
    }
}
