//! A task in Python through the executable.

use crate::executable::{Place, apart, guest, logliks};
use crate::support::binary;

#[test]
fn a_run_with_python_is_a_run_with_rust() {
    if binary("python/sst2").is_none() || binary("python/gate").is_none() {
        return;
    }
    let place = Place::with_model();
    let samples = |out, prefix: &str| {
        let (task, rule) = (guest(&format!("{prefix}sst2")), guest(&format!("{prefix}gate")));
        let more = ["--task", &task, "--optimizer", &rule, "--steps", "2", "--limit", "20", "--out", out];
        place.sst2(&more).good();
        place.samples(out)
    };
    let (python, rust) = (samples("python", "python/"), samples("rust", ""));
    assert_eq!(python.len(), 3 * 20);
    for step in 0..3 {
        assert_eq!(apart(&logliks(&python, step), &logliks(&rust, step)), 0.0, "step {step}");
    }
}
