//! Files and folders: read within bounds, written whole, locked, mapped, digested.

pub mod atomic;
pub mod cache_paths;
pub mod context;
pub mod digest;
pub mod digest_cache;
pub mod error;
pub mod file;
pub mod journal;
pub mod lfs;
pub mod lock;
pub mod mmap;
pub mod output;
pub mod owner;
