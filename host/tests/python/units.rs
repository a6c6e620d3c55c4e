//! The tests in plain Python: the SDK's own and the plugins'.

use std::path::Path;
use std::process::Command;

use crate::support::skip;

#[test]
fn the_tests_in_python_pass() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/python"));
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("python3 is not here, which the tests in Python need");
    }
    for folder in ["tests", "sst2", "gate", "line_search", "csqa"] {
        let mut python = Command::new("python3");
        python.args(["-B", "-m", "unittest"]).current_dir(root.join(folder)).env("PYTHONPATH", root);
        let done = python.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && !said.contains("Ran 0 tests"), "{folder}:\n{said}");
    }
}
