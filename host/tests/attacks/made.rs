//! Files that no guest toolchain makes.

use super::encode::{WIT, WIT_SINCE_0_1, component};

/// The bytes of an attack by its name.
pub fn file(name: &str) -> Vec<u8> {
    match name {
        "empty-file" => Vec::new(),
        "text-file" => b"def main():\n    print('hello')\n".to_vec(),
        "zip-file" => b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(),
        "elf-file" => b"\x7fELF\x02\x01\x01\0\0\0\0\0".to_vec(),
        "wat-file" => b"(component)".to_vec(),
        "core-module" => wat::parse_str("(module (func (export \"describe\")))").unwrap(),
        "cut-short" => cut_short(),
        "damaged" => damaged(),
        "huge-file" => huge_file(),
        "other-imports" => many_imports("evil:many", 450),
        "thousands-of-imports" => many_imports("wasi:many", 450),
        "too-many-imports" => many_imports("wasi:many", 1900),
        "loops-in-loops" => rule_with_code(&format!("{}{}", "(loop ".repeat(5000), ")".repeat(5000))),
        "branches-over-locals" => {
            rule_with_code(&format!("(local {}) {}", "i32 ".repeat(5000), "(if (local.get 9) (then)) ".repeat(20_000)))
        }
        "many-blocks"
        | "many-loops"
        | "many-ifs"
        | "many-branches"
        | "many-popcounts"
        | "many-calls"
        | "many-indirect-calls"
        | "many-loads" => rule(&Rule { functions: &much_to_compile(name), ..Rule::GOOD }),
        "huge-function" => rule_with_code(&"nop ".repeat(2 << 20)),
        "many-functions" => rule(&Rule { functions: &"(func)".repeat(150_000), ..Rule::GOOD }),
        "much-code" => {
            rule(&Rule { functions: &format!("(func {})", "nop ".repeat(1_000_000)).repeat(20), ..Rule::GOOD })
        }
        "loop-in-describe" => rule(&Rule { describe: FOREVER, ..Rule::GOOD }),
        "loop-at-start" => rule(&Rule { functions: &format!("(func $begin {FOREVER}) (start $begin)"), ..Rule::GOOD }),
        "loop-in-realloc" => rule(&Rule { realloc: FOREVER, ..Rule::GOOD }),
        "loop-after-return" => rule(&Rule {
            functions: &format!("(func (export \"cabi_post_{DESCRIBE}\") (param i32) {FOREVER})"),
            ..Rule::GOOD
        }),
        "loop-in-drop" => rule(&Rule {
            functions: &format!("(func (export \"{SESSION}#[dtor]session\") (param i32) {FOREVER})"),
            ..Rule::GOOD
        }),
        // Its version's first digit counts the calls.
        "unsteady-description" => rule(&Rule {
            describe: "(i32.store8 (i32.const 320) (i32.add (i32.load8_u (i32.const 320)) (i32.const 1)))",
            ..Rule::GOOD
        }),
        "wild-realloc" => rule(&Rule { realloc: "(global.set $free (i32.const -8))", ..Rule::GOOD }),
        "recursion" => rule(&Rule { step: "(call $deeper)", functions: "(func $deeper (call $deeper))", ..Rule::GOOD }),
        "table-hoard" => rule(&Rule {
            describe: "(loop $more (drop (table.grow $hoard (ref.null func) (i32.const 1000))) (br $more))",
            functions: "(table $hoard 1 funcref)",
            ..Rule::GOOD
        }),
        "table-at-start" => rule(&Rule { functions: "(table 1000000000 funcref)", ..Rule::GOOD }),
        "memory-at-start" => rule(&Rule { pages: 65_536, ..Rule::GOOD }),
        "other-version" => component(&[], &WIT.replace("@0.2.0", "@0.3.0"), "optimizer-plugin", None),
        "other-world" => component(&[], "package e:e; world e { export greet: func(); }", "e", None),
        "huge-name" => rule(&Rule { pages: 1700, name_bytes: 100 << 20, ..Rule::GOOD }),
        "escapes-in-name" => rule(&Rule { name: r"a\n\1b[2J", ..Rule::GOOD }),
        "escapes-in-version" => rule(&Rule { version: r"1.0\1b", ..Rule::GOOD }),
        "escapes-in-option" => rule(&Rule { options: 1, ..Rule::GOOD }),
        "wild-pointer" => rule(&Rule { name_bytes: 1 << 30, ..Rule::GOOD }),
        "returned-twice" => rule(&Rule { step: "(local.set $second (local.get $proposed))", ..Rule::GOOD }),
        "returned-after-drop" => rule(&Rule { step: "(call $drop (local.get $proposed))", ..Rule::GOOD }),
        "returned-from-nowhere" => rule(&Rule { step: "(local.set $proposed (i32.const 12345))", ..Rule::GOOD }),
        "used-after-drop" => rule(&Rule {
            step: "(call $drop (local.get $proposed)) (drop (call $clone (local.get $proposed)))",
            ..Rule::GOOD
        }),
        "dropped-twice" => {
            rule(&Rule { step: "(call $drop (local.get $proposed)) (call $drop (local.get $proposed))", ..Rule::GOOD })
        }
        "handles-without-end" => {
            rule(&Rule { step: "(loop $more (drop (call $clone (local.get $proposed))) (br $more))", ..Rule::GOOD })
        }
        "kept-step" => kept_step(),
        "system-socket" => calls("sockets", "tcp-create-socket", "create-tcp-socket"),
        "system-sleep" => calls("clocks", "monotonic-clock", "subscribe-duration"),
        "system-http" => calls("http", "outgoing-handler", "handle"),
        "system-file" => calls("filesystem", "types", "[static]descriptor.open"),
        "system-new-version" => calls_of_version("cli", "environment", "get-arguments", "0.3.0"),
        "system-exit" => exit(),
        "system-endless-random" => endless_random(),
        _ => panic!("no file is made for the attack `{name}`"),
    }
}

/// The body of a function that never ends.
const FOREVER: &str = "(loop $again (br $again))";

/// The interface of a rule's sessions, and the function that says what a plugin is.
const SESSION: &str = "forward-tuning:plugin/meta-optimizer@0.1.0";
const DESCRIBE: &str = "forward-tuning:plugin/info@0.1.0#describe";

/// An optimizer around a module written by hand.
struct Rule<'a> {
    pages: u32,
    name: &'a str,
    name_bytes: u32,
    version: &'a str,
    options: u32,
    describe: &'a str,
    realloc: &'a str,
    step: &'a str,
    imports: &'a str,
    functions: &'a str,
}

impl Rule<'_> {
    const GOOD: Self = Rule {
        pages: 2,
        name: "rule",
        name_bytes: 0,
        version: "1.0.0",
        options: 0,
        describe: "",
        realloc: "",
        step: "",
        imports: "",
        functions: "",
    };
}

/// The module of a rule that gives the proposed cache back, unless its parts say otherwise.
fn module(rule: &Rule) -> String {
    let Rule { pages, name, name_bytes, version, options, describe, realloc, step, imports, functions } = rule;
    // Escapes of the text format are one byte each.
    let length = |text: &str| text.len() - 2 * text.matches("\\1b").count() - text.matches("\\n").count();
    let name_bytes = if *name_bytes == 0 { length(name) as u32 } else { *name_bytes };
    let version_bytes = length(version);
    format!(
        r#"(module
  (import "[export]{SESSION}" "[resource-new]session" (func $session (param i32) (result i32)))
  (import "forward-tuning:plugin/tensor@0.1.0" "[resource-drop]tensor" (func $drop (param i32)))
  (import "forward-tuning:plugin/tensor@0.1.0" "[method]tensor.clone" (func $clone (param i32) (result i32)))
  {imports}
  (memory (export "memory") {pages})
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 256) "{name}")
  (data (i32.const 320) "{version}")
  (data (i32.const 400) "an\n\1boption")
  (data (i32.const 500) "\90\01\00\00\0a")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    {realloc}
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func (export "{DESCRIBE}") (result i32)
    {describe}
    (i32.store (i32.const 64) (i32.const 256)) (i32.store (i32.const 68) (i32.const {name_bytes}))
    (i32.store (i32.const 72) (i32.const 320)) (i32.store (i32.const 76) (i32.const {version_bytes}))
    (i32.store (i32.const 88) (i32.const 504)) (i32.store (i32.const 92) (i32.const {options}))
    (i32.store (i32.const 504) (i32.const 400)) (i32.store (i32.const 508) (i32.const 10))
    (i32.const 64))
  (func (export "{SESSION}#[static]session.open") (param i32 i32) (result i32)
    (i32.store8 (i32.const 128) (i32.const 0))
    (i32.store (i32.const 132) (call $session (i32.const 1)))
    (i32.const 128))
  (func (export "{SESSION}#[method]session.step")
    (param $self i32) (param $step i32) (param $slots i32) (param $count i32) (result i32)
    (local $proposed i32) (local $second i32) (local $index i32)
    (local.set $proposed (i32.load offset=12 (local.get $slots)))
    (local.set $second (i32.load offset=28 (local.get $slots)))
    {step}
    (i32.store (i32.const 832) (local.get $proposed))
    (i32.store (i32.const 836) (local.get $second))
    (local.set $index (i32.const 2))
    (block $all (loop $next
      (br_if $all (i32.ge_u (local.get $index) (local.get $count)))
      (i32.store
        (i32.add (i32.const 832) (i32.shl (local.get $index) (i32.const 2)))
        (i32.load offset=12 (i32.add (local.get $slots) (i32.shl (local.get $index) (i32.const 4)))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $next)))
    (i32.store8 (i32.const 768) (i32.const 0))
    (i32.store (i32.const 772) (i32.const 832))
    (i32.store (i32.const 776) (local.get $count))
    (i32.store8 (i32.const 780) (i32.const 0))
    (i32.const 768))
  {functions})"#
    )
}

fn rule(rule: &Rule) -> Vec<u8> {
    component(&[], WIT_SINCE_0_1, "optimizer-plugin", Some(&module(rule)))
}

/// A rule with a function that is never called.
fn rule_with_code(body: &str) -> Vec<u8> {
    rule(&Rule { functions: &format!("(func {body})"), ..Rule::GOOD })
}

/// Functions that are never called, whose sizes are all within the bounds, and that take a compiler long: a megabyte of one
/// kind of instruction each.
fn much_to_compile(kind: &str) -> String {
    let function = |types: &str, before: &str, instruction: &str, count: usize| {
        format!("(func {types} {before} {})", instruction.repeat(count))
    };
    // A chain, so that each instruction waits for the one before it; given back, so that none is left out.
    let chain = |instruction: &str, count| function("(param i32) (result i32)", "local.get 0", instruction, count);
    match kind {
        "many-blocks" => function("", "", "(block (br_if 0 (i32.const 0))) ", 140_000),
        "many-loops" => function("", "", "(loop) ", 300_000),
        "many-ifs" => function("", "", "(if (i32.const 0) (then)) ", 200_000),
        "many-branches" => function("", "", "(br_if 0 (i32.const 0)) ", 250_000),
        "many-popcounts" => chain("i32.popcnt ", 1_000_000),
        // These are compiled faster, and two or four at a time.
        "many-loads" => chain("i32.load ", 340_000).repeat(4),
        "many-calls" => format!("(func $callee) {}", function("", "", "(call $callee) ", 340_000)),
        _ => format!(
            "(type $nothing (func)) (table $callees 1 funcref) {}",
            function("", "", "(call_indirect $callees (type $nothing) (i32.const 0)) ", 200_000)
        ),
    }
}

fn cut_short() -> Vec<u8> {
    let whole = rule(&Rule::GOOD);
    whole[..whole.len() / 2].to_vec()
}

fn damaged() -> Vec<u8> {
    let mut bytes = rule(&Rule::GOOD);
    bytes[8] = 0x7f;
    bytes
}

/// A good rule with a section of 200 MB that means nothing.
fn huge_file() -> Vec<u8> {
    let mut bytes = rule(&Rule::GOOD);
    let content = 200 << 20;
    bytes.push(0);
    let mut size: u32 = content + 1;
    loop {
        let more = size >> 7 != 0;
        bytes.push((size & 0x7f) as u8 | if more { 0x80 } else { 0 });
        size >>= 7;
        if !more {
            break;
        }
    }
    bytes.resize(bytes.len() + 1 + content as usize, 0);
    bytes
}

/// A rule that imports so many interfaces of five functions each, and all of whose own functions trap.
fn many_imports(package: &str, count: u32) -> Vec<u8> {
    let interfaces: String = (0..count)
        .map(|index| format!("interface i{index} {{ f: func(); g: func(); h: func(); k: func(); l: func(); }}\n"))
        .collect();
    let imports: String = (0..count).map(|index| format!("import {package}/i{index}@0.2.0;\n")).collect();
    let package = format!("package {package}@0.2.0;\n{interfaces}");
    let world =
        format!("package test:imports; world w {{ include forward-tuning:plugin/optimizer-plugin@0.2.0;\n{imports} }}");
    component(&[WIT, &package], &world, "w", None)
}

/// A rule that calls a function of WASI before it describes itself.
fn calls(package: &str, interface: &str, function: &str) -> Vec<u8> {
    calls_of_version(package, interface, function, "0.2.6")
}

fn calls_of_version(package: &str, interface: &str, function: &str, version: &str) -> Vec<u8> {
    let declared = match function.strip_prefix("[static]").and_then(|rest| rest.split_once('.')) {
        Some((resource, function)) => format!("resource {resource} {{ {function}: static func(); }}"),
        None => format!("{function}: func();"),
    };
    let wasi = format!("package wasi:{package}@{version}; interface {interface} {{ {declared} }}");
    let path = format!("wasi:{package}/{interface}@{version}");
    let imports = format!(r#"(import "{path}" "{function}" (func $call))"#);
    with_wasi(&wasi, &path, &Rule { imports: &imports, describe: "(call $call)", ..Rule::GOOD })
}

/// A rule that returns with the step that it was lent still in its hands.
fn kept_step() -> Vec<u8> {
    let module = r#"(module
  (import "[export]forward-tuning:plugin/meta-optimizer@0.2.0" "[resource-new]session" (func $session (param i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 256) "rule")
  (data (i32.const 320) "1.0.0")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "forward-tuning:plugin/info@0.2.0#describe") (result i32)
    (i32.store (i32.const 64) (i32.const 256)) (i32.store (i32.const 68) (i32.const 4))
    (i32.store (i32.const 72) (i32.const 320)) (i32.store (i32.const 76) (i32.const 5))
    (i32.const 64))
  (func (export "forward-tuning:plugin/meta-optimizer@0.2.0#[static]session.open") (param i32 i32) (result i32)
    (i32.store (i32.const 132) (call $session (i32.const 1)))
    (i32.const 128))
  (func (export "forward-tuning:plugin/meta-optimizer@0.2.0#[method]session.step") (param i32 i32) (result i32)
    (i32.const 768)))"#;
    component(&[], WIT, "optimizer-plugin", Some(module))
}

fn exit() -> Vec<u8> {
    let wasi = "package wasi:cli@0.2.6; interface exit { exit: func(status: result); }";
    let imports = r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;
    let rule = Rule { imports, describe: "(call $exit (i32.const 1))", ..Rule::GOOD };
    with_wasi(wasi, "wasi:cli/exit@0.2.6", &rule)
}

fn endless_random() -> Vec<u8> {
    let wasi = "package wasi:random@0.2.6; interface random { get-random-bytes: func(len: u64) -> list<u8>; }";
    let imports = r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))"#;
    let describe = "(call $random (i64.const -1) (i32.const 1024))";
    with_wasi(wasi, "wasi:random/random@0.2.6", &Rule { imports, describe, ..Rule::GOOD })
}

fn with_wasi(wasi: &str, path: &str, rule: &Rule) -> Vec<u8> {
    let world = format!(
        "package test:system; world w {{ include forward-tuning:plugin/optimizer-plugin@0.1.0; import {path}; }}"
    );
    component(&[WIT_SINCE_0_1, wasi], &world, "w", Some(&module(rule)))
}
