//! What one plugin may use, and what it says when that is exceeded.

use std::time::Duration;

use ft_engine::text::bytes;

/// The most that one plugin may use. All limits are armed before every call into it.
///
/// The defaults are many times what the plugins of this project need, and little enough that the worst plugin costs a
/// person a minute and no swapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for each call, about one unit for each WebAssembly instruction. The same call spends the same fuel on every
    /// machine. Ten thousand million: parsing 256 rows takes about ten million, and an interpreted guest a hundred times that.
    pub fuel: u64,
    /// Wall clock for each call, host functions included, but not what the model does for it. One minute: fuel is to end a loop first; this bounds what fuel
    /// does not see, above all tensor operations.
    pub time: Duration,
    /// Wall clock for compiling the component, once for each version of it; three times as long for one of more than 4 MiB,
    /// as interpreters are. 20 s: a component made from Rust takes less than one, CPython's 18 MB some ten seconds on two
    /// cores, which others may use too.
    pub compile_time: Duration,
    /// Bytes of address space for compiling the component, beyond what the program and its libraries take. 1 GiB: CPython
    /// takes about half of it.
    pub compile_memory: u64,
    /// Bytes of linear memory, all memories of the plugin together. 256 MiB: a Python component with its interpreter needs about 60.
    pub memory: u64,
    /// Elements of tables, all tables together, and as many handles to host resources. 100 000: the largest known guest
    /// toolchain (StarlingMonkey) needs about a fifth, an optimizer two handles for each slot.
    pub table_elements: usize,
    /// Core instances, tables and memories, so many of each. 200: a component made from Rust has 3, one from Python about 30.
    pub instances: usize,
    /// Bytes that one host call, or the arguments or results of one call into the plugin, move across the boundary.
    /// 64 MiB: a batch of rows, or one slot of a large cache read with a copy.
    pub call_bytes: u64,
    /// Bytes of live tensors that the plugin made or keeps. 2 GiB: an optimizer with momentum keeps twice the cache, and the
    /// cache of 1024 positions of a 1.1 B model takes 45 MiB in single precision, of a 7 B model without grouped heads 1 GiB.
    pub tensor_bytes: u64,
    /// Passes of the model that one step of an optimizer may ask for, a gradient counted twice. 100: a rule that takes ten
    /// gradients and looks at ten likelihoods in a step asks for 30.
    pub passes: usize,
    /// Log messages over the plugin's life; the rest is dropped with one note. 1000 is more than a person reads.
    pub log_messages: usize,
    /// Characters of one log message; the rest of it is cut. 2000 hold a panic message and its place.
    pub log_characters: usize,
    /// Examples of one split. Four million: no task of the literature has as many, and they still fit in memory.
    pub examples: usize,
    /// Bytes that the texts of the examples and of the rejected rows of one split take in memory. 1 GiB.
    pub example_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 10_000_000_000,
            time: Duration::from_secs(60),
            compile_time: Duration::from_secs(20),
            compile_memory: 1 << 30,
            memory: 256 << 20,
            table_elements: 100_000,
            instances: 200,
            call_bytes: 64 << 20,
            tensor_bytes: 2 << 30,
            passes: 100,
            log_messages: 1000,
            log_characters: 2000,
            examples: 4_000_000,
            example_bytes: 1 << 30,
        }
    }
}

/// A limit that a plugin exceeded, with its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Fuel, about one unit for each instruction of a call.
    #[error("exceeded the fuel limit ({limit} units per call)")]
    Fuel {
        /// Units allowed for each call.
        limit: u64,
    },
    /// Wall clock of a call, host functions included, but not what the model does for it.
    #[error("exceeded the time limit ({} per call)", seconds(*.limit))]
    Time {
        /// Time allowed for each call.
        limit: Duration,
    },
    /// Wall clock for compiling the component.
    #[error("exceeded the compile time limit ({})", seconds(*.limit))]
    CompileTime {
        /// Time for the whole component.
        limit: Duration,
    },
    /// Address space for compiling the component.
    #[error("exceeded the compile memory limit ({})", bytes(*.limit))]
    CompileMemory {
        /// Bytes of address space for the compiler.
        limit: u64,
    },
    /// Linear memory, all memories of the plugin together.
    #[error("exceeded the memory limit ({}): asked for {}", bytes(*.limit), bytes(*.asked))]
    Memory {
        /// Bytes allowed for all memories.
        limit: u64,
        /// Bytes that there would have been.
        asked: u64,
    },
    /// Elements of tables, all tables of the plugin together.
    #[error("exceeded the table limit ({limit} elements): asked for {asked}")]
    TableElements {
        /// Elements allowed for all tables.
        limit: usize,
        /// Elements that there would have been.
        asked: usize,
    },
    /// Handles to resources that are open at once.
    #[error("exceeded the handle limit ({limit} at once)")]
    Handles {
        /// Handles allowed at once.
        limit: usize,
    },
    /// Core instances, tables and memories, so many of each.
    #[error("exceeded the instance limit ({limit} instances, tables or memories)")]
    Instances {
        /// Number allowed of each.
        limit: usize,
    },
    /// Bytes that one call moves between host and plugin.
    #[error("exceeded the per-call transfer limit ({})", bytes(*.limit))]
    CallBytes {
        /// Bytes for each host call.
        limit: u64,
    },
    /// Bytes of live tensors that the plugin made or keeps.
    #[error("exceeded the tensor memory limit ({}): {} in use, asked for {} more", bytes(*.limit), bytes(*.live), bytes(*.asked))]
    TensorBytes {
        /// Bytes allowed for all tensors.
        limit: u64,
        /// Bytes in use before.
        live: u64,
        /// Bytes that were to come on top.
        asked: u64,
    },
    /// Passes of the model that a step asks for.
    #[error("exceeded the pass limit ({limit} per step)")]
    Passes {
        /// Passes allowed for each step.
        limit: usize,
    },
}

impl Limit {
    /// The flag that raises this limit.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Fuel { .. } => "--plugin-fuel",
            Self::Time { .. } => "--plugin-time",
            Self::CompileTime { .. } => "--plugin-compile-time",
            Self::CompileMemory { .. } => "--plugin-compile-memory",
            Self::Memory { .. } => "--plugin-memory",
            Self::TableElements { .. } | Self::Handles { .. } | Self::Instances { .. } => "--plugin-tables",
            Self::CallBytes { .. } => "--plugin-call-bytes",
            Self::TensorBytes { .. } => "--plugin-tensor-bytes",
            Self::Passes { .. } => "--plugin-passes",
        }
    }
}

/// A length of time as messages have it: `60 s`, `300 ms`.
fn seconds(time: Duration) -> String {
    match time.as_millis() {
        0 => format!("{} us", time.as_micros()),
        millis if millis < 1000 => format!("{millis} ms"),
        millis if millis % 1000 == 0 => format!("{} s", time.as_secs()),
        _ => format!("{} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_with_its_value_and_unit() {
        let time = |millis| Limit::Time { limit: Duration::from_millis(millis) }.to_string();
        for (millis, expected) in [(0, "0 us"), (300, "300 ms"), (1500, "1.5 s"), (60_000, "60 s")] {
            assert_eq!(time(millis), format!("exceeded the time limit ({expected} per call)"));
        }
        let transfer = Limit::CallBytes { limit: 64 << 20 };
        assert_eq!(transfer.to_string(), "exceeded the per-call transfer limit (64 MiB)");
        let memory = Limit::Memory { limit: 16 << 20, asked: 4 << 30 };
        assert_eq!(memory.to_string(), "exceeded the memory limit (16 MiB): asked for 4 GiB");
        let tensors = Limit::TensorBytes { limit: 1 << 20, live: 1 << 10, asked: 256 };
        let expected = "exceeded the tensor memory limit (1 MiB): 1 KiB in use, asked for 256 bytes more";
        assert_eq!(tensors.to_string(), expected);
        assert_eq!(Limit::Passes { limit: 100 }.to_string(), "exceeded the pass limit (100 per step)");
    }
}
