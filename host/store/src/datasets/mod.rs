//! Sources of a data set's rows: files, folders, the hub, or the sample that is bundled.

mod beside;
pub mod hub;
pub mod location;
pub mod sample;
