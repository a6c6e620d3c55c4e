//! What a run leaves behind, as values and text: sample records and what is computed from them.
//! Opens nothing: texts come in and go out, writers are handed in.

pub mod samples;
pub mod schema;
pub mod summary;
pub mod trace;
