//! Which tuned contexts are kept, and how.

use std::path::PathBuf;

use super::parse;
use ft_engine::model::saved_context::HalfFormat;

options! {
    /// Whether a run keeps the contexts that it tunes.
    pub struct ContextOptions {
        /// Also save the context of each seed's result in DIR, with several seeds in DIR/seed-N: `ft-host predict DIR` uses it
        /// for further texts.
        #[arg(long, value_name = "DIR")]
        save_context: Option<PathBuf>, path File, affects Nothing;
    }
}

options! {
    /// How saved contexts hold numbers.
    pub struct CacheDTypeOptions {
        /// Number format of keys and values in saved contexts: `f16` or `bf16`, half as large as f32, with scores that differ by
        /// rounding [default: as they are held].
        #[arg(long, value_parser = parse::one_of::<HalfFormat>(HalfFormat::ALL.map(HalfFormat::as_str)))]
        cache_dtype: Option<HalfFormat>, affects Nothing;
    }
}
