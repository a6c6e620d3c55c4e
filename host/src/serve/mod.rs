//! The server: predictions behind saved contexts, runs and tunings, and a page to watch and try them, over HTTP.
//!
//! One thread scores ([`scoring`]) and one runs ([`runs`]): plugins and models stay with the thread that opened them, and both take
//! the weights of a model once. Requests reach them over channels from `http` and `api`, which know nothing of models.
//!
//! - `config`: what the server is told. `contexts`, `catalogue`: what requests may name; nothing else of the file system.
//! - `guard`: who may ask: token, `Host`, `Origin`.
//! - `metrics`: what is counted.

mod api;
mod asked;
mod catalogue;
mod config;
mod contexts;
mod error;
mod guard;
mod http;
mod metrics;
mod runs;
mod scoring;
mod server;
mod shared;

pub use config::{NamedFolder, ServeConfig, ServeError, ServeLimits, Surroundings, Token};
pub use server::{Listening, Server};
