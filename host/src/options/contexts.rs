//! Which saved contexts are scored, and which tuned ones are kept, and how.

use std::path::PathBuf;

use super::parse;
use ft_engine::model::saved_context::HalfFormat;

options! {
    /// Whether a run scores a context that was tuned before, and whether it keeps those that it tunes.
    pub struct ContextOptions {
        /// Score evaluation rows behind the saved context in DIR, and tune nothing: task, model, description and number format
        /// are the context's, and options on tuning are refused.
        #[arg(long, value_name = "DIR")]
        context: Option<PathBuf>, path File, recorded "context.folder", affects Source;

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
