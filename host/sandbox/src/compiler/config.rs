//! How wasmtime compiles and runs components.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use super::process_limits::address_space_limit;

/// Frames of a trap's backtrace that are kept: a Rust panic alone takes about ten.
const FRAMES: NonZeroUsize = NonZeroUsize::new(24).unwrap();

/// Bytes of stack that a guest's own functions may use.
pub(crate) const GUEST_STACK: usize = 512 << 10;

/// Address space below which memories of plugins are not reserved whole: a run has several, of 4 GiB each.
const ROOMY: u64 = 64 << 30;

/// What a memory has of address space beyond its bytes where there is little: it grows so far without being moved.
const SPARE: u64 = 64 << 20;

/// The guard behind a memory where there is little address space.
const GUARD: u64 = 64 << 10;

/// How components are compiled and run: the same in this process and in one that compiles for it, as long as that one asks
/// before it takes bounds of its own.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    if address_space_limit().is_some_and(|bytes| bytes < ROOMY) {
        // Every access is checked then, which takes longer and comes to the same.
        config.memory_reservation(SPARE).memory_reservation_for_growth(SPARE).memory_guard_size(GUARD);
    }
    config
        .consume_fuel(true)
        .max_wasm_stack(GUEST_STACK)
        .epoch_interruption(true)
        .wasm_component_model(true)
        // Two runs of one plugin are equal bit by bit, on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Function names come from the file itself; source lines would depend on an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(FRAMES));
    config
}

/// Bytes of a component beyond which its code is not optimised. An interpreter with its libraries has 18 MB; a component
/// made from Rust some hundred kilobytes.
pub(crate) const LARGE: usize = 4 << 20;

/// How many times as long such a component may take: CPython takes some fifteen seconds of a processor.
pub(crate) const LARGE_TAKES: u32 = 3;

/// An engine whose code of a component every engine of this host takes: how far it is optimised is no part of what wasmtime
/// compares.
pub(crate) fn engine_for(bytes: &[u8], mut config: Config) -> wasmtime::Result<Engine> {
    if bytes.len() > LARGE {
        config.cranelift_opt_level(OptLevel::None);
    }
    Engine::new(&config)
}
