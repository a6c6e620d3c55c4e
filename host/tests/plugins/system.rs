//! WASI: linked by guest toolchains, and without substance here.

use ft_host::plugin::{Failure, PluginBinary, inspect};

use super::encode::{WIT, component};
use super::support::*;

const WASI: &str = "package wasi:cli@0.2.6;
    interface environment { resource secret { open: static func() -> secret; } get-arguments: func() -> list<string>; }";
const WORLD: &str = "package test:system;
    world w { include forward-tuning:plugin/optimizer-plugin@0.1.0; import wasi:cli/environment@0.2.6; }";

/// An optimizer that describes itself, after a call to WASI if `calls`.
fn guest_with_wasi(calls: bool) -> PluginBinary {
    let call = if calls { "(call $arguments (i32.const 512))" } else { "" };
    let module = format!(
        r#"(module
          (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
          (import "wasi:cli/environment@0.2.6" "[static]secret.open" (func (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "wasi")
          (data (i32.const 32) "1.0.0")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
          (func (export "forward-tuning:plugin/info@0.1.0#describe") (result i32)
            {call}
            (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 4))
            (i32.store (i32.const 72) (i32.const 32)) (i32.store (i32.const 76) (i32.const 5))
            (i32.const 64))
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[static]session.open") (param i32 i32) (result i32) unreachable)
          (func (export "forward-tuning:plugin/meta-optimizer@0.1.0#[method]session.step") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    PluginBinary::new("wasi.wasm", component(&[WIT, WASI], WORLD, "w", Some(&module)))
}

#[test]
fn a_guest_that_only_links_wasi_works() {
    let inspection = inspect(&ENGINE, guest_with_wasi(false), tight()).unwrap();
    assert_eq!(inspection.description.name, "wasi");
    assert!(inspection.imports.contains(&"wasi:cli/environment@0.2.6".to_owned()));
}

#[test]
fn a_call_to_wasi_is_refused_by_name() {
    let error = inspect(&ENGINE, guest_with_wasi(true), tight()).unwrap_err();
    assert!(matches!(error.failure(), Failure::System { .. }));
    assert_eq!(
        error.to_string(),
        "plugin wasi.wasm, in `info.describe`: called `wasi:cli/environment@0.2.6.get-arguments`, and plugins have no access to the system"
    );
}
