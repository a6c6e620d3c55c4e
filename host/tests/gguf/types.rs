//! Types of tensors: numbers as the Python package `gguf` reads them (`data/tiny-gguf/make_blocks.py`), and names.

use candle_core::{DType, Device};
use ft_engine::model::ModelError;
use ft_engine::model::families::{UnknownSettings, from_gguf};
use ft_engine::model::weights::TensorSource;

use crate::writer::File;
use crate::{data, gguf, golden, tiny};

#[test]
fn blocks_become_the_numbers_of_the_reference() {
    let gguf = gguf(data("tiny-gguf/blocks.gguf")).unwrap();
    let expected = golden("tiny-gguf/blocks.safetensors");
    assert_eq!(expected.len(), 19);
    for (name, expected) in &expected {
        let read = gguf.tensor(name, &[2, 256], DType::F32, &Device::Cpu).unwrap();
        let pairs = read.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (index, (read, expected)) in pairs.iter().zip(&expected).enumerate() {
            // Some formats multiply and add in another order than the reference.
            let close = (read - expected).abs() <= 1e-6 * expected.abs().max(1.0);
            assert!(close, "{name}, number {index}: {read} is not {expected}");
        }
    }
}

#[test]
fn a_type_that_is_not_read_is_named_with_its_tensor() {
    let refused = gguf(data("tiny-gguf/blocks.gguf")).unwrap();
    let error = refused.tensor("unread", &[1, 256], DType::F32, &Device::Cpu).unwrap_err();
    let expected = "tensor `unread` in `x.gguf` is of type IQ2_XXS, which this host does not read; expected F32, F16,";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(error.to_string().ends_with("quantize the model again, to Q8_0 for example"), "{error}");
}

/// Before any weight is read, and whatever ggml still has of the type.
#[test]
fn a_model_with_such_a_type_is_refused_as_it_is_opened() {
    let with = |kind: u32, size: usize| -> String {
        let mut file: File = tiny();
        for tensor in file.tensors.iter_mut().filter(|tensor| tensor.name.ends_with("ffn_down.weight")) {
            tensor.kind = kind;
            tensor.shape = vec![1, 256];
            tensor.data = vec![0; size];
        }
        let error = gguf(file.bytes()).and_then(|gguf| from_gguf("x.gguf", &gguf, UnknownSettings::Note)).unwrap_err();
        assert!(matches!(error, ModelError::TensorType { .. }), "{error}");
        error.to_string()
    };
    for (kind, size, name) in [
        (19, 50, "IQ1_S"),
        (29, 56, "IQ1_M"),
        (16, 66, "IQ2_XXS"),
        (17, 74, "IQ2_XS"),
        (22, 82, "IQ2_S"),
        (18, 98, "IQ3_XXS"),
        (21, 110, "IQ3_S"),
        (9, 288, "Q8_1"),
        (15, 292, "Q8_K"),
        (24, 256, "I8"),
        (26, 1024, "I32"),
        (40, 144, "NVFP4"),
        (41, 36, "Q1_0"),
        // Removed from ggml: their sizes are not known.
        (4, 0, "Q4_2"),
        (31, 0, "Q4_0_4_4"),
        (38, 0, "IQ4_NL_8_8"),
        (99, 0, "99, which has no name"),
    ] {
        let message = with(kind, size);
        let expected = format!("tensor `blk.0.ffn_down.weight` in `x.gguf` is of type {name} (and 1 more");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn blocks_are_whole_and_within_the_file() {
    let mut file = tiny();
    file.tensors.truncate(1);
    file.tensors[0].kind = 20;
    file.tensors[0].shape = vec![3, 20];
    let error = gguf(file.bytes()).err().unwrap().to_string();
    assert!(error.contains("expected a whole number of blocks, got shape [3, 20]"), "{error}");
    file.tensors[0].shape = vec![64, 1024];
    let error = gguf(file.bytes()).err().unwrap().to_string();
    assert!(error.contains("expected 36864 bytes") && error.contains("cut short"), "{error}");
}
