//! Sources of a data set's rows: files, folders, the hub, or the sample that is bundled.

pub mod hub;
pub mod location;
pub mod sample;
