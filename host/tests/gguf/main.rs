//! A GGUF model against PyTorch with the same weights: `data/tiny-gguf/make.py` made both. In GGUF the rotated pairs are
//! neighbours, one matrix of each layer is in blocks of 8 bit, and the head is the embedding.

mod header;
mod metadata;
mod split;
mod types;
mod writer;

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo};
use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::{Batch, Placement, TokenTree};
use ft_engine::model::weights::{Gguf, WeightBytes, WeightFormat};
use ft_engine::model::{Context, Decoder, ModelError, families};
use ft_engine::score::extended;

use crate::writer::File;

const TOLERANCE: f32 = 1e-4;

fn logits(decoder: &Decoder, context: &Context, ids: &[u32]) -> Tensor {
    let rows: Vec<usize> = (0..ids.len()).collect();
    let trees = [TokenTree::chain(ids)];
    let output = decoder.forward(Batch::after(context, &trees, &rows)).unwrap();
    decoder.logits(&output.hidden_states).unwrap()
}

#[track_caller]
fn check(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let apart: Vec<f32> = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let worst = apart.into_iter().fold(0.0, |worst, x| if x.is_nan() || x > worst { x } else { worst });
    assert!(worst <= TOLERANCE, "logits differ by {worst:e}");
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

/// The tiny model's file as the tensor library reads it, to be changed.
fn tiny() -> File {
    let bytes = data("tiny-gguf/tiny.gguf");
    let content = Content::read(&mut Cursor::new(&bytes)).unwrap();
    let tensor = |(name, info): (String, TensorInfo)| {
        let kind = match info.ggml_dtype {
            GgmlDType::F32 => 0,
            GgmlDType::F16 => 1,
            GgmlDType::Q8_0 => 8,
            other => panic!("{other:?}"),
        };
        let size = info.shape.elem_count() / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
        let start = (content.tensor_data_offset + info.offset) as usize;
        writer::Tensor { name, shape: info.shape.dims().to_vec(), kind, data: bytes[start..start + size].to_vec() }
    };
    let mut tensors: Vec<writer::Tensor> = content.tensor_infos.into_iter().map(tensor).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut metadata: Vec<_> = content.metadata.into_iter().collect();
    metadata.sort_by(|a, b| a.0.cmp(&b.0));
    File { tensors, ..File::new(metadata) }
}

fn golden(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load_buffer(&data(name), &Device::Cpu).unwrap()
}

fn gguf(bytes: Vec<u8>) -> Result<Gguf, ModelError> {
    let bytes: WeightBytes = Arc::new(bytes);
    Gguf::new("x.gguf", bytes)
}

fn decoder(gguf: &Gguf) -> Decoder {
    let family = families::from_gguf("x.gguf", gguf, families::UnknownSettings::Refuse).unwrap();
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    Decoder::load(family.config, &family.layout, gguf, &placement).unwrap()
}

/// The logits of PyTorch's ids.
fn logits_of(gguf: &Gguf) -> Tensor {
    let ids = golden("tiny-gguf/expected.safetensors")["ids"].to_dtype(DType::U32).unwrap().to_vec1().unwrap();
    logits(&decoder(gguf), &Context::zero_shot(None), &ids)
}

#[test]
fn a_gguf_model_gives_pytorchs_logits() {
    let gguf = gguf(data("tiny-gguf/tiny.gguf")).unwrap();
    let family = families::from_gguf("tiny.gguf", &gguf, families::UnknownSettings::Refuse).unwrap();
    assert_eq!((family.config.heads, family.config.kv_heads, family.config.max_positions), (6, 3, Some(256)));
    assert!(family.notes.is_empty());
    let decoder = decoder(&gguf);
    let golden = golden("tiny-gguf/expected.safetensors");
    let ids: Vec<u32> = golden["ids"].to_dtype(DType::U32).unwrap().to_vec1().unwrap();
    let expected = &golden["logits"];
    let nothing = Context::zero_shot(None);
    check(&logits(&decoder, &nothing, &ids), expected);
    // The same in two passes, the second over the cache of the first.
    let (first, rest) = ids.split_at(ids.len() / 2);
    let begin = logits(&decoder, &nothing, first);
    let end = logits(&decoder, &extended(&decoder, &nothing, first).unwrap(), rest);
    check(&Tensor::cat(&[begin, end], 0).unwrap(), expected);
}
