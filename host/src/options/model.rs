//! The model, and where it is fetched from.

use std::path::PathBuf;

use ft_store::models::catalogue::DEFAULT_MODEL;

options! {
    /// The option that names the model.
    pub struct ModelOptions {
        /// A GGUF file, a folder with config.json, a name of the catalogue (`ft-host model list`), or
        /// owner/name[@revision] on the hub [default: smollm2-135m-instruct].
        #[arg(long, value_name = "MODEL")]
        model: Option<String>, path Model, default DEFAULT_MODEL.to_owned(), affects Source;
    }
}

options! {
    /// The option that forbids the network.
    pub struct NetworkOptions {
        /// Use no network.
        #[arg(long)]
        offline: bool, affects Nothing;
    }
}

options! {
    /// Where downloads are kept.
    pub struct HubCacheOptions {
        /// The folder of the hub's downloads, as `cache_dir` of the Hugging Face tools [default: HF_HUB_CACHE, or hub in
        /// HF_HOME].
        #[arg(long, value_name = "DIR")]
        cache_dir: Option<PathBuf>, path File, affects Nothing;
    }
}
