//! The optimizer, and which plugins may run at all.

use std::path::PathBuf;

use super::parse;

options! {
    /// Options of the optimizer plugin.
    pub struct OptimizerOptions {
        /// The optimizer plugin: a file, or its name on the plugin path [default: momentum.wasm beside the task plugin
        /// or on the plugin path].
        #[arg(long, value_name = "FILE|NAME")]
        optimizer: Option<PathBuf>, path Plugin, recorded "optimizer.file", affects Nothing;

        /// Set an option of the optimizer.
        #[arg(
            short = 'O',
            long = "optimizer-option",
            value_name = "NAME=VALUE",
            value_parser = parse::name_and_value,
            display_order = 900
        )]
        optimizer_options: Vec<(String, String)>, recorded "options.optimizer", affects Results;
    }
}

options! {
    /// Which plugins may run.
    pub struct DigestOptions {
        /// Accept only plugins whose file has this SHA-256; may be given several times.
        #[arg(long, value_name = "SHA256")]
        require_digest: Vec<String>, parse parse::sha256, affects Nothing;
    }
}
