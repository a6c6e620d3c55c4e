//! What `ft-host` reads of strangers, as functions of bytes.
//!
//! Each target takes bytes, makes them what the host would read, and asserts what always holds: what is accepted is what
//! it has to be, what is refused is told in words that are fit to be shown, and nothing panics. The programs in
//! `fuzz_targets/` give them to libFuzzer; `host/tests/fuzz_findings.rs` includes this file as a module, so that the same
//! functions are type-checked, linted and run over the corpora and all findings wherever the host is tested.

mod component;
mod context;
mod gguf;
mod input;
mod plugin_output;
mod rows;
mod run_file;
mod run_folder;
mod safetensors_index;
mod scratch;
mod tensors;
mod tokenizer;
#[path = "../../host/tests/plugins/world.rs"]
#[allow(clippy::duplicate_mod, reason = "the tests that include this file make guests of their own with it")]
mod world;

/// The name of a target, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("component", component::run),
    ("context", context::run),
    ("gguf", gguf::run),
    ("plugin_output", plugin_output::run),
    ("rows", rows::run),
    ("run_file", run_file::run),
    ("run_folder", run_folder::run),
    ("safetensors_index", safetensors_index::run),
    ("tokenizer", tokenizer::run),
];

/// Runs the target of that name.
///
/// # Panics
/// If something does not hold, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("there is a target of that name");
    target(bytes);
}
