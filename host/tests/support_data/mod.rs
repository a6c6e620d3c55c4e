//! The real data sets, for machines that have them: they are not this project's to ship. Each test that takes them has a
//! smaller twin on committed data.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of data sets that `FT_DATA_DIR` names (`DIR/sst2/validation.jsonl` and so on); where none is named, stderr is
/// told what is skipped.
pub fn data_sets(skipped: &str) -> Option<PathBuf> {
    named("FT_DATA_DIR", skipped)
}

/// The file that `FT_DEMONSTRATIONS` names: what the authors' own code makes of the data sets, task by task.
#[allow(dead_code, reason = "not all that take the data sets take what was made of them")]
pub fn demonstrations(skipped: &str) -> Option<PathBuf> {
    named("FT_DEMONSTRATIONS", skipped)
}

#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
fn named(variable: &str, skipped: &str) -> Option<PathBuf> {
    let Some(name) = std::env::var_os(variable).filter(|name| !name.is_empty()) else {
        // Past the test harness, which keeps what passing tests print.
        let line = format!("SKIPPED: {skipped}: `{variable}` is not set\n");
        std::io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
        return None;
    };
    // Cargo runs tests in the package's folder, and users name folders from the workspace's.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    assert!(path.exists(), "`{variable}` names {}, which is not there", path.display());
    Some(path)
}
