//! Content-free examples of a task: a guest written by hand.

use ft_engine::task::example::Example;
use ft_sandbox::{Limits, PluginBinary, PluginError};

use super::encode::{WIT, component};
use super::support::*;

/// A task without classes that has one content-free example, whose first `choices` choices are `bad` and `fun`.
fn content_free(choices: u32) -> Result<Vec<Example>, PluginError> {
    let (info, dataset, prompt) = ("info@0.2.0", "dataset@0.2.0", "prompt@0.2.0");
    let module = format!(
        r#"(module
  (memory (export "memory") 1)
  (data (i32.const 16) "task")
  (data (i32.const 24) "1.0.0")
  (data (i32.const 32) "N/A")
  (data (i32.const 40) "bad")
  (data (i32.const 48) "fun")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "forward-tuning:plugin/{info}#describe") (result i32)
    (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 4))
    (i32.store (i32.const 72) (i32.const 24)) (i32.store (i32.const 76) (i32.const 5))
    (i32.const 64))
  (func (export "forward-tuning:plugin/{dataset}#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#labels") (result i32) (i32.const 128))
  (func $never (result i32) unreachable)
  (func $never-with-example (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
  (func (export "forward-tuning:plugin/{dataset}#read") (param i32 i32 i32) (result i32) unreachable)
  (func (export "forward-tuning:plugin/{dataset}#task-name") (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#subtasks") (result i32) (i32.const 128))
  (export "forward-tuning:plugin/{dataset}#sources" (func $never))
  (export "forward-tuning:plugin/{dataset}#written" (func $never))
  (export "forward-tuning:plugin/{prompt}#description" (func $never))
  (export "forward-tuning:plugin/{prompt}#separator" (func $never))
  (export "forward-tuning:plugin/{prompt}#render-demonstration" (func $never-with-example))
  (export "forward-tuning:plugin/{prompt}#render-query" (func $never-with-example))
  (func (export "forward-tuning:plugin/{prompt}#content-free") (result i32)
    (i32.store (i32.const 256) (i32.const 264)) (i32.store (i32.const 260) (i32.const 1))
    (i32.store (i32.const 264) (i32.const 16)) (i32.store (i32.const 268) (i32.const 4))
    (i32.store (i32.const 272) (i32.const 32)) (i32.store (i32.const 276) (i32.const 3))
    (i32.store (i32.const 280) (i32.const 320)) (i32.store (i32.const 284) (i32.const {choices}))
    (i32.store (i32.const 320) (i32.const 40)) (i32.store (i32.const 324) (i32.const 3))
    (i32.store (i32.const 328) (i32.const 48)) (i32.store (i32.const 332) (i32.const 3))
    (i32.const 256)))"#
    );
    let binary = PluginBinary::new("task.wasm", component(&[], WIT, "task-plugin", Some(&module)));
    task(binary, Limits::default(), no_log(), &[])?.content_free()
}

#[test]
fn content_free_examples_are_examples() {
    let expected = Example {
        id: "task".into(),
        query: "N/A".into(),
        choices: vec!["bad".into(), "fun".into()],
        answer: 0,
        fields: vec![],
    };
    assert_eq!(content_free(2).unwrap(), [expected]);
}

#[test]
fn content_free_examples_are_held_to_what_examples_have() {
    let error = content_free(1).unwrap_err();
    let expected = "in `prompt.content-free`: example `task`: expected at least 2 choices, got 1";
    assert!(error.to_string().ends_with(expected), "{error}");
}
