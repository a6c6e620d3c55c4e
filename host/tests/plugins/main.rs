//! Plugins as components: the real ones, hostile ones, and files that are none.

mod content_free;
mod encode;
mod files;
mod good;
mod handles;
mod hostile;
mod questions;
mod since_0_1;
mod support;
mod system;
mod unlabelled;
mod wit;
