//! Where a data set's rows come from: files, folders, the hub, or the sample that is bundled.

pub mod hub;
pub mod location;
pub mod sample;
