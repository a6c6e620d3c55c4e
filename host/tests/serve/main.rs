//! `ft-host serve` as others meet it: the running program over the loopback interface, with a tiny model.
//!
//! Whatever else it is sent, every request that is as it should be has the answer of `ft-host predict`, bit for bit.

#[path = "../cli/support.rs"]
// Most of it is for the tests of the other commands.
#[allow(dead_code)]
mod support;

#[path = "../support_serve/mod.rs"]
// The bench alone opens connections to other servers.
#[allow(dead_code)]
mod support_serve;

mod attacks;
mod auth;
mod described;
mod load;
mod queue;
mod refused;
mod runs;
mod served;
mod shutdown;
