//! The real executable, in folders of its own: stdout, stderr, status and files together.

#[path = "support_cli/good.rs"]
mod good;
#[path = "support_cli/hostile.rs"]
mod hostile;
#[path = "support_cli/input.rs"]
mod input;
#[path = "support_cli/process.rs"]
mod process;
mod support_cli;
