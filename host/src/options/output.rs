//! Where results go.

use std::path::PathBuf;

options! {
    /// The folder for results.
    pub struct OutputOptions {
        /// The output folder; in a run file relative to that file, like all its paths [default: runs/<task> in the
        /// current folder].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>, path File, affects Nothing;
    }
}
