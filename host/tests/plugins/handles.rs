//! An optimizer that mishandles its handles, in ways that the SDK's types rule out.

use candle_core::DType;
use ft_sandbox::{Limits, OptimizerPlugin, PluginBinary};

use super::encode::{WIT_SINCE_0_1, component};
use super::support::*;

/// What it does depends on the step: 2 gives the first slot's `proposed` back twice, 3 gives it back after dropping it,
/// 4 gives back a handle that never was, 5 keeps everything and gives nothing back, 6 clones without end.
const RULE: &str = r#"(module
  (import "[export]forward-tuning:plugin/meta-optimizer@0.1.0" "[resource-new]session" (func $session (param i32) (result i32)))
  (import "forward-tuning:plugin/tensor@0.1.0" "[resource-drop]tensor" (func $drop (param i32)))
  (import "forward-tuning:plugin/tensor@0.1.0" "[method]tensor.clone" (func $clone (param i32) (result i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 16) "handles")
  (data (i32.const 32) "1.0.0")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func (export "forward-tuning:plugin/info@0.1.0#describe") (result i32)
    (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 7))
    (i32.store (i32.const 72) (i32.const 32)) (i32.store (i32.const 76) (i32.const 5))
    (i32.const 64))
  (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[static]session.open") (param i32 i32) (result i32)
    (i32.store8 (i32.const 128) (i32.const 0))
    (i32.store (i32.const 132) (call $session (i32.const 1)))
    (i32.const 128))
  (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[method]session.step")
    (param $self i32) (param $step i32) (param $slots i32) (param $count i32) (result i32)
    (local $proposed i32)
    (local.set $proposed (i32.load offset=12 (local.get $slots)))
    (if (i32.eq (local.get $step) (i32.const 3)) (then (call $drop (local.get $proposed))))
    (if (i32.eq (local.get $step) (i32.const 4)) (then (local.set $proposed (i32.const 12345))))
    (if (i32.eq (local.get $step) (i32.const 6)) (then
      (loop $more (drop (call $clone (local.get $proposed))) (br $more))))
    (i32.store (i32.const 320) (local.get $proposed))
    (i32.store (i32.const 324) (local.get $proposed))
    (i32.store8 (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (i32.const 320))
    (i32.store (i32.const 264) (select (i32.const 0) (i32.const 2) (i32.eq (local.get $step) (i32.const 5))))
    (i32.store8 (i32.const 268) (i32.const 0))
    (global.set $free (i32.const 4096))
    (i32.const 256)))"#;

fn rule(limits: Limits) -> OptimizerPlugin {
    let binary = PluginBinary::new("handles.wasm", component(&[], WIT_SINCE_0_1, "optimizer-plugin", Some(RULE)));
    optimizer(binary, limits, no_log(), &[]).unwrap()
}

#[test]
fn handles_that_are_not_the_plugins_to_give_are_refused() {
    for step in [2, 3, 4] {
        let error = rule(tight()).step(step, slots(1, &[2, 4, 8], DType::F32)).unwrap_err();
        let expected = "plugin handles 1.0.0 (handles.wasm), in `meta-optimizer.session.step`: used a handle \
                        that it does not own (one that it returned or dropped before): unknown handle index ";
        assert!(error.to_string().starts_with(expected), "step {step}: {error}");
    }
}

#[test]
fn tensors_that_are_kept_count_though_the_host_made_them() {
    // Four tensors of 256 bytes come with each step, and none goes.
    let mut rule = rule(Limits { tensor_bytes: 3 * 4 * 256, ..tight() });
    for _ in 0..3 {
        assert!(rule.step(5, slots(1, &[2, 4, 8], DType::F32)).unwrap().cache.is_empty());
    }
    let error = rule.step(5, slots(1, &[2, 4, 8], DType::F32)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("exceeded the tensor memory limit (3 KiB): 4 KiB in use, asked for 0 bytes more (step 5)"),
        "{error}"
    );
}

#[test]
fn handles_are_bounded_though_clones_cost_no_memory() {
    let error = rule(tight()).step(6, slots(1, &[2, 4, 8], DType::F32)).unwrap_err();
    assert!(error.to_string().ends_with("exceeded the handle limit (5000 at once) (step 6)"), "{error}");
}
