//! Files that are no plugin, or not the one that was asked for.

use ft_sandbox::{Limits, OptimizerPlugin, PluginBinary, PluginError, TaskPlugin, inspect};

use super::encode::{WIT, WIT_SINCE_0_1, component};
use super::support::*;

fn as_task(name: &str, bytes: Vec<u8>) -> PluginError {
    let loaded = TaskPlugin::load(&ENGINE, PluginBinary::new(name, bytes), tight(), no_log());
    loaded.err().unwrap_or_else(|| panic!("{name} was taken for a task"))
}

fn as_optimizer(name: &str, bytes: Vec<u8>) -> PluginError {
    let binary = PluginBinary::new(name, bytes);
    let loaded = OptimizerPlugin::load(&ENGINE, binary, tight(), no_log(), &candle_core::Device::Cpu);
    loaded.err().unwrap_or_else(|| panic!("{name} was taken for an optimizer"))
}

#[test]
fn what_is_no_component_is_named() {
    let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let cut = guest("sst2")[..50_000].to_vec();
    let cases = [
        ("empty.wasm", Vec::new(), "plugin empty.wasm: expected a component, got an empty file"),
        (
            "module.wasm",
            wat::parse_str("(module)").unwrap(),
            "plugin module.wasm: expected a component, got a core WebAssembly module",
        ),
        ("x.wat", b"(component)".to_vec(), "plugin x.wat: expected a component, got WebAssembly text"),
        (
            "lib.rs",
            b"//! A rule\n".to_vec(),
            "plugin lib.rs: expected a component, got text that starts with `//! A rule\\n`",
        ),
        ("w.whl", b"PK\x03\x04\x14\0".to_vec(), "plugin w.whl: expected a component, got a zip archive"),
        #[cfg(target_os = "linux")]
        ("host", this_test, "plugin host: expected a component, got a native program or library (ELF)"),
        ("cut.wasm", cut, "plugin cut.wasm: truncated component: its 50000 bytes end within a section"),
    ];
    for (name, bytes, expected) in cases {
        let error = as_task(name, bytes);
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some(), "{name}");
    }
}

#[test]
fn the_wrong_world_is_answered_with_what_is_missing() {
    let error = as_task("momentum.wasm", guest("momentum"));
    assert_eq!(error.to_string(), "plugin momentum.wasm: expected a task plugin, got an optimizer plugin");
    assert_eq!(error.hint().as_deref(), Some("give it as `--optimizer momentum.wasm`"));
    let error = as_optimizer("sst2.wasm", guest("sst2"));
    assert_eq!(error.to_string(), "plugin sst2.wasm: expected an optimizer plugin, got a task plugin");
    assert_eq!(error.hint().as_deref(), Some("give it as `--task sst2.wasm`"));
    let error = as_task("x.wasm", guest("hostile/wrong-world"));
    assert!(
        error
            .to_string()
            .starts_with("plugin x.wasm: expected a component for forward-tuning:plugin, got one that exports "),
        "{error}"
    );
    let half = "package forward-tuning:plugin@0.2.0; interface info { describe: func(); } world half { export info; }";
    let error = as_task("half.wasm", component(&[], half, "half", None));
    assert_eq!(
        error.to_string(),
        "plugin half.wasm: expected the exports `info`, `dataset`, `prompt` of a task plugin, got a component without `dataset`, `prompt`"
    );
}

#[test]
fn the_wrong_version_is_answered_with_the_right_one() {
    let error = as_task("old.wasm", guest("hostile/wrong-version"));
    assert_eq!(
        error.to_string(),
        "plugin old.wasm: expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.3.0"
    );
    let release_candidate = WIT.replace("@0.2.0", "@0.2.0-rc.1");
    let error = as_optimizer("rc.wasm", component(&[], &release_candidate, "optimizer-plugin", None));
    assert_eq!(
        error.to_string(),
        "plugin rc.wasm: expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.2.0-rc.1"
    );
}

#[test]
fn a_later_patch_of_the_package_is_taken() {
    // Its `describe` traps, which is as far as a hollow module comes: it was linked and instantiated.
    for later in [WIT.replace("@0.2.0", "@0.2.9"), WIT_SINCE_0_1.replace("@0.1.0", "@0.1.9")] {
        let error = as_task("later.wasm", component(&[], &later, "task-plugin", None));
        assert!(error.to_string().contains("in `info.describe`: trapped: "), "{error}");
        let error = as_optimizer("later.wasm", component(&[], &later, "optimizer-plugin", None));
        assert!(error.to_string().contains("in `info.describe`: trapped: "), "{error}");
    }
}

#[test]
fn imports_that_no_plugin_is_given_are_named() {
    let spy = "package evil:corp; interface spy { send: func(text: string); }";
    let world = "package test:spy; world w { include forward-tuning:plugin/task-plugin@0.2.0; import evil:corp/spy; }";
    let error = as_task("spy.wasm", component(&[WIT, spy], world, "w", None));
    assert_eq!(
        error.to_string(),
        "plugin spy.wasm: expected imports of a task plugin among `types`, `data`, `log`, `table`, got `evil:corp/spy`"
    );
    let world = "package test:both; world w { include forward-tuning:plugin/task-plugin@0.2.0; import forward-tuning:plugin/tensor@0.2.0; }";
    let error = as_task("both.wasm", component(&[WIT], world, "w", None));
    assert!(error.to_string().ends_with("got `forward-tuning:plugin/tensor@0.2.0`"), "{error}");
}

#[test]
fn versions_of_the_package_do_not_mix() {
    let world = "package test:mix; world w {
        include forward-tuning:plugin/optimizer-plugin@0.2.0; import forward-tuning:plugin/tensor@0.1.0; }";
    let error = as_optimizer("mix.wasm", component(&[WIT, WIT_SINCE_0_1], world, "w", None));
    let message = error.to_string();
    let expected = "plugin mix.wasm: expected interfaces of one version of forward-tuning:plugin, got ";
    assert!(message.starts_with(expected) && message.contains("@0.1.0`") && message.contains("@0.2.0`"), "{message}");
}

#[test]
fn an_interface_of_other_types_is_refused() {
    let other =
        WIT.replace("write: func(level: level, message: string);", "write: func(level: level, message: list<u8>);");
    assert_ne!(other, WIT);
    let error = as_task("other.wasm", component(&[], &other, "task-plugin", None));
    assert!(error.to_string().starts_with("plugin other.wasm: interface does not match the WIT package: "), "{error}");
    let other = WIT.replace("separator: func() -> string;", "separator: func() -> u32;");
    assert_ne!(other, WIT);
    // Exports are looked at before anything of the plugin runs.
    let error = as_task("other.wasm", component(&[], &other, "task-plugin", None));
    assert!(error.call().is_none(), "{error}");
}

#[test]
fn a_component_cut_anywhere_is_refused_in_good_order() {
    let whole = guest("hostile/table-hog");
    for length in 0..whole.len() {
        let binary = PluginBinary::new("cut.wasm", &whole[..length]);
        assert!(inspect(&ENGINE, binary, tight()).is_err(), "{length} bytes were taken for a plugin");
    }
}

#[test]
fn a_file_name_cannot_act_on_the_terminal() {
    let error = inspect(&ENGINE, PluginBinary::new("a\u{1b}[2J\nb", Vec::new()), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "plugin a\\u{1b}[2J\\nb: expected a component, got an empty file");
}
