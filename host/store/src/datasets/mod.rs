//! Sources of a data set's rows: files, folders, the hub, or the sample that is bundled.

pub mod address;
mod beside;
pub mod error;
pub mod hub;
pub mod location;
pub mod pattern;
pub mod sample;
