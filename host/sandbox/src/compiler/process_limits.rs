//! Limits that the system holds a process to, and how much address space it has.

use std::time::Duration;

/// Threads of a child at most: each reserves address space, of which a child has little.
pub(super) const MOST_THREADS: usize = 4;

/// The most bytes of address space that this process may take, where it is held to that.
#[cfg(unix)]
pub(crate) fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
pub(crate) fn address_space_limit() -> Option<u64> {
    None
}

/// The address space of a child, and whether that is less than wanted since this process itself may not use more.
#[cfg(unix)]
pub(crate) fn memory_for_child(wanted: u64) -> (u64, bool) {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::As).current {
        Some(own) if own < wanted.saturating_add(address_space()) => (own, true),
        _ => (wanted, false),
    }
}

#[cfg(not(unix))]
pub(crate) fn memory_for_child(wanted: u64) -> (u64, bool) {
    (wanted, false)
}

/// Holds this process to so much more address space than it has now, to processor time on all its threads, and to no core
/// dump.
#[cfg(unix)]
pub(crate) fn bound_this_process(memory: u64, time: Duration) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    let inherited = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
    let memory = memory.saturating_add(address_space()).min(inherited);
    // The parent ends it after `time`; this is for a child whose parent was killed.
    let seconds = time.as_secs().saturating_add(1).saturating_mul(MOST_THREADS as u64);
    for (resource, value) in [(Resource::As, memory), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        // A lower bound that was inherited cannot be raised, and holds as well.
        let _ = setrlimit(resource, both(value));
    }
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

#[cfg(not(unix))]
pub(crate) fn bound_this_process(_: u64, _: Duration) {}

/// Bytes of address space that this process has, its program and libraries among them: those of CUDA alone have more than
/// a component is given. None where the system does not say.
#[cfg(unix)]
fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default().saturating_mul(1024)
}
