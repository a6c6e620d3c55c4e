//! How much memory this machine, or the container that we are in, has to give.

use std::path::{Path, PathBuf};

/// Bytes that a process may still take without others being pushed out: what Linux estimates for the machine, and less
/// where a control group of ours has a lower limit. `None` where the system does not say.
pub fn available() -> Option<u64> {
    available_below(Path::new("/"))
}

fn available_below(root: &Path) -> Option<u64> {
    let machine = std::fs::read_to_string(root.join("proc/meminfo")).ok();
    let machine = machine.as_deref().and_then(|text| field(text, "MemAvailable:")).map(|kib| kib.saturating_mul(1024));
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| group_left(root, line));
    machine.into_iter().chain(limits).min()
}

/// What a line of `/proc/self/cgroup` leaves: `0::/path` in version 2, `4:memory:/path` in version 1.
fn group_left(root: &Path, line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (mount, limit, usage) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max", "memory.current")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
    } else {
        return None;
    };
    // Every group above ours binds too. In a container the path may be the host's, and only its mount's root is there.
    let mount = root.join(mount);
    let folders = Path::new(path.trim_start_matches('/')).ancestors().map(|path| mount.join(path));
    folders.filter_map(|folder| left(&folder, limit, usage)).min()
}

/// What is left of a group's limit, in bytes; pages of files that were read once count as free.
fn left(folder: &Path, limit: &str, usage: &str) -> Option<u64> {
    let number = |name: &str| read_number(&folder.join(name));
    let files = std::fs::read_to_string(folder.join("memory.stat")).ok();
    let files = files.as_deref().and_then(|text| field(text, "inactive_file")).unwrap_or(0);
    // `max` is no limit; version 1 writes a number that no machine reaches.
    let used = number(usage).unwrap_or(0).saturating_sub(files);
    Some(number(limit)?.saturating_sub(used))
}

fn read_number(path: &PathBuf) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t'])));
    line?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        assert_eq!(available_below(root.path()), expected);
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:     8000 kB\n");

    #[test]
    fn the_lowest_limit_counts() {
        check(&[], None);
        check(&[MACHINE], Some(8000 << 10));
        let group = ("proc/self/cgroup", "0::/a/b\n");
        let no_limit = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        check(&[MACHINE, group, no_limit], Some(8000 << 10));
        let above = ("sys/fs/cgroup/a/memory.max", "1000000\n");
        let used = ("sys/fs/cgroup/a/memory.current", "400000\n");
        let files = ("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 100000\nfile 200000\n");
        check(&[MACHINE, group, no_limit, above], Some(1_000_000));
        check(&[MACHINE, group, no_limit, above, used, files], Some(700_000));
        // In a container: our group is the root of what is mounted.
        check(&[MACHINE, group, ("sys/fs/cgroup/memory.max", "5000")], Some(5000));
    }

    #[test]
    fn version_1_is_read_too() {
        let group = ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/1\n");
        let limit = ("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "3000000\n");
        let used = ("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "1000000\n");
        check(&[MACHINE, group, limit, used], Some(2_000_000));
        check(
            &[MACHINE, group, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")],
            Some(8000 << 10),
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_says() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
