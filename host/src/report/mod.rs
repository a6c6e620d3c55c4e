//! What a run leaves behind, as values and text: sample records and what is computed from them.
//! Opens nothing: texts come in and go out, writers are handed in.

pub mod analysis;
pub mod figures;
pub mod lines;
pub mod samples;
pub mod schema;
pub mod scores;
pub mod sheet;
pub mod trace;
