//! Headers that are damaged, or of other versions of the format.

use candle_core::quantized::gguf_file::Value;
use ft_engine::model::families::{UnknownSettings, from_gguf};

use crate::writer::{File, string};
use crate::{data, gguf, tiny};

fn refusal(bytes: Vec<u8>) -> String {
    let family = gguf(bytes).and_then(|gguf| from_gguf("x.gguf", &gguf, UnknownSettings::Refuse));
    family.expect_err("it is refused").to_string()
}

#[track_caller]
fn check(bytes: Vec<u8>, expected: &str) {
    let message = refusal(bytes);
    assert!(message.contains(expected), "{message}");
}

/// Files that fuzzing found.
#[test]
fn a_damaged_header_is_refused_by_what_is_wrong_with_it() {
    let check = |name: &str, expected: &str| check(data(&format!("fuzz/gguf/{name}")), expected);
    check("alignment-zero", "`general.alignment`: expected a power of two, got 0");
    check("tensor-at-odd-place", "tensor `a`: expected a place that is a multiple of 8, got 65");
    check("many-layers", "`llama.block_count` = 1073741824; expected a number up to");
}

#[test]
fn other_versions_and_the_other_byte_order_are_named() {
    let of_version = |version: u32| File { version, ..tiny() }.bytes();
    assert!(gguf(of_version(2)).is_ok());
    check(of_version(1), "expected version 2 or 3, got version 1, which llama.cpp stopped reading in 2023");
    check(of_version(4), "expected version 2 or 3, got version 4");
    check(of_version(3u32.swap_bytes()), "expected little-endian numbers, got big-endian ones");
    check(b"GGML".to_vec(), "expected \"GGUF\" at the beginning, got \"GGML\"");
}

#[test]
fn what_is_there_twice_is_refused() {
    let mut file = tiny();
    file.metadata.push(("llama.rope.freq_base".into(), Value::F32(500.0)));
    check(file.bytes(), "duplicate metadata key `llama.rope.freq_base`");
    let mut file = tiny();
    file.tensors.push(file.tensors[0].clone());
    check(file.bytes(), "duplicate tensor `blk.0.attn_k.weight`");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let whole = data("tiny-gguf/tiny.gguf");
    for length in (0..whole.len()).step_by(97) {
        let message = refusal(whole[..length].to_vec());
        assert!(message.contains("cut short"), "{length}: {message}");
    }
}

#[test]
fn tensors_do_not_overlap() {
    // The second tensor's offset becomes the first's.
    let mut file = tiny();
    file.tensors.truncate(2);
    let mut bytes = file.bytes();
    let name = file.tensors[1].name.as_bytes();
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    let offset = at + 4 + 8 * file.tensors[1].shape.len() + 4;
    bytes[offset..offset + 8].fill(0);
    check(bytes, "tensors `blk.0.attn_k.weight` and `blk.0.attn_norm.weight` overlap");
}

#[test]
fn counts_beyond_the_file_are_refused_before_memory_is_taken() {
    let mut bytes = tiny().bytes();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    check(bytes, "bytes for 18446744073709551615 tensors");
    let mut bytes = tiny().bytes();
    bytes[16..24].copy_from_slice(&(1u64 << 40).to_le_bytes());
    check(bytes, "and 1099511627776 metadata entries");
    let file = File::new(vec![("a".into(), Value::Array(vec![Value::U64(0)])), ("b".into(), string("c"))]);
    let mut bytes = file.bytes();
    // After magic, version, counts, key and type comes the items' type, then their number.
    let count = 24 + 9 + 4 + 4;
    bytes[count..count + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    check(bytes.clone(), "metadata `a`: expected at least 8796093022208 bytes for a list of 1099511627776 items");
    // Bytes that the file does have: a sparse file costs nothing.
    bytes[count - 4..count].copy_from_slice(&0u32.to_le_bytes());
    bytes[count..count + 8].copy_from_slice(&(1u64 << 24).to_le_bytes());
    bytes.resize(bytes.len() + (1 << 24), 0);
    check(bytes, "metadata `a`: expected lists of at most 8388608 items together, got 16777216");
    let mut bytes = tiny().bytes();
    bytes[8..16].copy_from_slice(&(1u64 << 21).to_le_bytes());
    bytes.resize(bytes.len() + (24 << 21), 0);
    check(bytes, "expected at most 1048576 tensors and as many metadata entries, got 2097152");
    let mut nested = Value::U8(0);
    for _ in 0..20 {
        nested = Value::Array(vec![nested]);
    }
    check(File::new(vec![("a".into(), nested)]).bytes(), "metadata `a`: expected lists at most 8 deep");
}

#[test]
fn alignments_are_powers_of_two() {
    for (value, expected) in [
        (Value::U32(48), "`general.alignment`: expected a power of two, got 48"),
        (Value::I32(-32), "`general.alignment`: expected a power of two, got -32"),
        (string("32"), "`general.alignment`: expected a power of two, got 32"),
    ] {
        check(tiny().with("general.alignment", value).bytes(), expected);
    }
    assert!(gguf(tiny().with("general.alignment", Value::U32(32)).bytes()).is_ok());
}
