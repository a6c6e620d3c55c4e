//! WASI: linked by guest toolchains; it answers what runtimes ask when they start, and refuses the rest by name.

use ft_sandbox::{Failure, PluginBinary, inspect};

use super::encode::{WIT_SINCE_0_1, component};
use super::support::*;

const WASI: &str = "package wasi:cli@0.2.6;
    interface environment { resource secret { open: static func() -> secret; } get-arguments: func() -> list<string>; }";
const WORLD: &str = "package test:system;
    world w { include forward-tuning:plugin/optimizer-plugin@0.1.0; import wasi:cli/environment@0.2.6; }";

/// An optimizer that describes itself, after `call`.
fn guest_with_wasi(call: &str) -> PluginBinary {
    let module = format!(
        r#"(module
          (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
          (import "wasi:cli/environment@0.2.6" "[static]secret.open" (func $secret (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "wasi")
          (data (i32.const 32) "1.0.0")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
          (func (export "forward-tuning:plugin/info@0.1.0#describe") (result i32)
            {call}
            (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 4))
            (i32.store (i32.const 72) (i32.const 32)) (i32.store (i32.const 76) (i32.const 5))
            (i32.const 64))
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[static]session.open") (param i32 i32) (result i32) unreachable)
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[method]session.step") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    PluginBinary::new("wasi.wasm", component(&[WIT_SINCE_0_1, WASI], WORLD, "w", Some(&module)))
}

#[test]
fn a_guest_that_only_links_wasi_works() {
    let inspection = inspect(&ENGINE, guest_with_wasi(""), tight()).unwrap();
    assert_eq!(inspection.description.name, "wasi");
    assert!(inspection.imports.contains(&"wasi:cli/environment@0.2.6".to_owned()));
}

#[test]
fn a_call_to_wasi_is_refused_by_name() {
    let error = inspect(&ENGINE, guest_with_wasi("(drop (call $secret))"), tight()).unwrap_err();
    assert!(matches!(error.failure(), Failure::SystemAccess { .. }));
    assert_eq!(
        error.to_string(),
        "plugin wasi.wasm, in `info.describe`: called `wasi:cli/environment@0.2.6.[static]secret.open`: plugins have no access to the system"
    );
}

#[test]
fn there_are_no_arguments() {
    // The list's length is what a guest is given; anything but 0 traps.
    let asks = "(i32.store (i32.const 516) (i32.const 9)) (call $arguments (i32.const 512))
        (if (i32.load (i32.const 516)) (then unreachable))";
    inspect(&ENGINE, guest_with_wasi(asks), tight()).unwrap();
}

/// A guest of one interface that calls its function and traps unless it gives `expected` where it is to be.
fn asks(package: &str, interface: &str, declared: &str, import: &str, check: &str) -> PluginBinary {
    let wasi = format!("package wasi:{package}@0.2.3; interface {interface} {{ {declared} }}");
    let path = format!("wasi:{package}/{interface}@0.2.3");
    let world = format!(
        "package test:system; world w {{ include forward-tuning:plugin/optimizer-plugin@0.1.0; import {path}; }}"
    );
    let module = format!(
        r#"(module
          (import "{path}" {import})
          (memory (export "memory") 1)
          (data (i32.const 16) "wasi")
          (data (i32.const 32) "1.0.0")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
          (func (export "forward-tuning:plugin/info@0.1.0#describe") (result i32)
            (if (i32.eqz {check}) (then unreachable))
            (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 4))
            (i32.store (i32.const 72) (i32.const 32)) (i32.store (i32.const 76) (i32.const 5))
            (i32.const 64))
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[static]session.open") (param i32 i32) (result i32) unreachable)
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[method]session.step") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    PluginBinary::new("wasi.wasm", component(&[WIT_SINCE_0_1, &wasi], &world, "w", Some(&module)))
}

#[test]
fn clocks_stand_still_and_random_numbers_are_the_same_every_time() {
    let guests = [
        asks(
            "clocks",
            "monotonic-clock",
            "now: func() -> u64;",
            r#""now" (func $f (result i64))"#,
            "(i64.eqz (call $f))",
        ),
        asks(
            "random",
            "random",
            "get-random-u64: func() -> u64;",
            r#""get-random-u64" (func $f (result i64))"#,
            "(i64.eq (call $f) (i64.const 0xe220a8397b1dcdaf))",
        ),
        asks(
            "clocks",
            "wall-clock",
            "record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime;",
            r#""now" (func $f (param i32))"#,
            "(block (result i32) (call $f (i32.const 512)) (i64.eq (i64.load (i32.const 512)) (i64.const 946684800)))",
        ),
        asks(
            "random",
            "random",
            "get-random-bytes: func(len: u64) -> list<u8>;",
            r#""get-random-bytes" (func $f (param i64 i32))"#,
            "(block (result i32) (call $f (i64.const 8) (i32.const 512)) (i64.eq (i64.load (i32.const 1024)) (i64.const 0xe220a8397b1dcdaf)))",
        ),
    ];
    for guest in guests {
        inspect(&ENGINE, guest.clone(), tight()).unwrap();
        inspect(&ENGINE, guest, tight()).unwrap();
    }
}
