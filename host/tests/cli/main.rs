//! The real executable, in folders of its own: stdout, stderr, status and files together.

mod good;
mod hostile;
mod input;
mod memory;
mod process;
mod support;
