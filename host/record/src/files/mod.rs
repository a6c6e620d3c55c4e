//! The records of a run's files, as they are written and read back.

pub mod context;
pub mod controls;
pub mod group;
pub mod lines;
pub mod results;
pub mod samples;
pub mod schema;
pub mod scores;
pub mod spread;
pub mod trace;
pub mod unconditional;
