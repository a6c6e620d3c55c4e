//! What the tests and the bench of `ft-host serve` share: the running program, and a client for one connection.

pub mod client;
pub mod process;
