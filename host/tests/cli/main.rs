//! The real program, in empty folders: what it prints, what it leaves behind, and its exit status.

mod bad_input;
mod good;
mod hostile;
mod interrupts;
mod support;
