//! What one plugin may use.

use std::time::Duration;

/// The budgets of one plugin. All of them are armed before every call into it.
///
/// The defaults are many times what the plugins of this project need, and little enough that the worst plugin costs a
/// person a minute and no swapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for each call, about one unit for each WebAssembly instruction. The same call spends the same fuel on every
    /// machine. Ten thousand million: parsing 256 rows takes about ten million, and an interpreted guest a hundred times that.
    pub fuel: u64,
    /// Wall clock for each call, host functions included. One minute: fuel is to end a loop first; this bounds what fuel
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
    /// Bytes of live tensors that the plugin made or keeps. 2 GiB: a rule with momentum keeps twice the cache, and the
    /// cache of 1024 positions of a 1.1 B model takes 45 MiB in single precision, of a 7 B model without grouped heads 1 GiB.
    pub tensor_bytes: u64,
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
            log_messages: 1000,
            log_characters: 2000,
            examples: 4_000_000,
            example_bytes: 1 << 30,
        }
    }
}
