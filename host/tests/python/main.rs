//! Plugins in Python, as components in the host: the same as their twins in Rust, orderly when the author made a mistake,
//! and within the ordinary limits. `cargo xtask plugins` builds them where componentize-py can be had.

#[allow(dead_code, reason = "the tests of the executable use more of it")]
#[path = "../cli/support.rs"]
mod executable;
mod faults;
mod optimizer;
mod program;
#[allow(dead_code, reason = "the tests of plugins use more of it")]
#[path = "../plugins/support.rs"]
mod shared;
#[path = "../asking/shown.rs"]
mod shown;
mod support;
#[allow(dead_code, reason = "other tests try all families")]
#[path = "../support_tiny/mod.rs"]
mod support_tiny;
mod task;
mod units;
