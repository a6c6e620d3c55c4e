//! Models in several files, as `llama-gguf-split` makes them.

use std::sync::Arc;

use candle_core::quantized::gguf_file::Value;
use ft_engine::model::weights::{Gguf, TensorSource, WeightBytes};

use crate::writer::{File, string};
use crate::{check, gguf, golden, logits_of, tiny};

/// The tiny model in three parts, the metadata in the first.
fn parts() -> Vec<File> {
    let whole = tiny();
    let size = whole.tensors.len().div_ceil(3);
    let mut parts: Vec<File> =
        whole.tensors.chunks(size).map(|tensors| File { tensors: tensors.to_vec(), ..File::new(Vec::new()) }).collect();
    parts[0].metadata = whole.metadata.clone();
    let parts = parts.into_iter().enumerate().map(|(number, part)| {
        part.with("split.no", Value::U16(number as u16))
            .with("split.count", Value::U16(3))
            .with("split.tensors.count", Value::I32(whole.tensors.len() as i32))
    });
    parts.collect()
}

fn opened(parts: &[File]) -> Result<Gguf, String> {
    let named = parts.iter().enumerate().map(|(index, part)| {
        let bytes: WeightBytes = Arc::new(part.bytes());
        (format!("m-{}.gguf", index + 1), bytes)
    });
    Gguf::from_parts(named.collect()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(parts: &[File], expected: &str) {
    let message = opened(parts).err().expect("it is refused");
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_split_model_is_the_whole_one() {
    let split = opened(&parts()).unwrap();
    assert_eq!(split.file(), "m-1.gguf and 2 more");
    assert_eq!(split.names().len(), tiny().tensors.len());
    check(&logits_of(&split), &golden("tiny-gguf/expected.safetensors")["logits"]);
}

#[test]
fn a_part_alone_is_told_as_that() {
    let [_, second, _] = parts().try_into().ok().unwrap();
    let error = gguf(second.bytes()).err().unwrap().to_string();
    assert!(error.contains("expected all 3 parts of a split model beside each other, got part 2 alone"), "{error}");
    assert!(error.contains("`-00002-of-00003.gguf`") && error.contains("`llama-gguf-split --merge`"), "{error}");
}

#[test]
fn parts_that_do_not_go_together_are_refused() {
    let whole = parts();
    refused(&whole[..2], "`m-1.gguf` cannot be read as GGUF: expected part 1 of 2, as its name says, got part 1 of 3");
    refused(
        &[whole[0].clone(), whole[2].clone(), whole[1].clone()],
        "`m-2.gguf` cannot be read as GGUF: expected part 2 of 3, as its name says, got part 3 of 3 by its metadata",
    );
    let with = |number: usize, change: &dyn Fn(File) -> File| {
        let mut parts = whole.clone();
        parts[number] = change(parts[number].clone());
        parts
    };
    refused(&with(1, &|part| part.with("split.tensors.count", Value::I32(1))), "differs from the first part's");
    let fewer = with(2, &|mut part| {
        part.tensors.pop();
        part
    });
    refused(&fewer, "expected 20 tensors (`split.tensors.count`), got 19 in 3 parts");
    let doubled = with(2, &|mut part| {
        part.tensors[0] = whole[0].tensors[0].clone();
        part
    });
    refused(&doubled, "duplicate tensor `blk.0.attn_k.weight`, in another part too");
    refused(&with(1, &|part| part.with("general.name", string("other"))), "another `general.name` than the first part");
    refused(&with(0, &|part| part.with("split.no", Value::I16(-1))), "`split.no`: expected a number from 0 on, got -1");
    refused(
        &with(0, &|part| part.with("split.no", Value::U16(3))),
        "`split.no`: expected a number below `split.count` = 3, got 3",
    );
}
