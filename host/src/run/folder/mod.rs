//! The output folder of a run: its journals, and what an earlier process left there.

pub mod error;
pub mod group_folder;
pub mod journal;
pub mod out_folder;
pub mod plan_diff;
