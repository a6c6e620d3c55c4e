//! A plugin's file, read before anything of it is compiled: its names, its world, and how much code there is.

pub(crate) mod binary;
pub(crate) mod code_limits;
pub(crate) mod contract;
