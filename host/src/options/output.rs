//! Where results go.

use std::path::PathBuf;

options! {
    /// The folder for results.
    pub struct OutputOptions {
        /// Folder for results; in a run file relative to that file, as all its paths are [default: runs/<task> in the
        /// current folder].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>, path File, affects Nothing;
    }
}
