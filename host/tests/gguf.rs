//! A GGUF model against PyTorch with the same weights: `data/tiny-gguf/make.py` made both. In GGUF the rotated pairs are
//! neighbours, one matrix of each layer is in blocks of 8 bit, and the head is the embedding.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use ft_host::model::decoder::{Batch, Placement, TokenTree};
use ft_host::model::weights::{Gguf, WeightBytes, WeightFormat};
use ft_host::model::{Decoder, KvCache, families};

const TOLERANCE: f32 = 1e-4;

fn logits(decoder: &Decoder, ids: &[u32], first_position: usize, past: Option<&KvCache>) -> (Tensor, KvCache) {
    let wanted: Vec<usize> = (0..ids.len()).collect();
    let trees = [TokenTree::chain(ids)];
    let output = decoder.forward(Batch { trees: &trees, first_position, past, wanted: &wanted }).unwrap();
    (decoder.logits(&output.states).unwrap(), output.cache)
}

#[track_caller]
fn check(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let apart: Vec<f32> = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let worst = apart.into_iter().fold(0.0, |worst, x| if x.is_nan() || x > worst { x } else { worst });
    assert!(worst <= TOLERANCE, "logits differ by {worst:e}");
}

#[test]
fn a_gguf_model_gives_pytorchs_logits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-gguf");
    let bytes: WeightBytes = Arc::new(std::fs::read(folder.join("tiny.gguf")).unwrap());
    let gguf = Gguf::new("tiny.gguf", bytes).unwrap();
    let family = families::from_gguf("tiny.gguf", &gguf, families::UnknownSettings::Refuse).unwrap();
    assert_eq!((family.config.heads, family.config.kv_heads, family.config.max_positions), (6, 3, Some(256)));
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    let decoder = Decoder::load(family.config, &family.layout, &gguf, &placement).unwrap();

    let golden: HashMap<String, Tensor> =
        candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu).unwrap();
    let ids: Vec<u32> = golden["ids"].to_dtype(DType::U32).unwrap().to_vec1().unwrap();
    let expected = &golden["logits"];
    check(&logits(&decoder, &ids, 0, None).0, expected);
    // The same in two passes, the second over the cache of the first.
    let (first, rest) = ids.split_at(ids.len() / 2);
    let (begin, cache) = logits(&decoder, first, 0, None);
    let (end, _) = logits(&decoder, rest, first.len(), Some(&cache));
    check(&Tensor::cat(&[begin, end], 0).unwrap(), expected);
}

/// Files that fuzzing found.
#[test]
fn a_damaged_header_is_refused_by_what_is_wrong_with_it() {
    let refusal = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz/gguf").join(name);
        let bytes: WeightBytes = Arc::new(std::fs::read(path).unwrap());
        let family = Gguf::new("x.gguf", bytes)
            .and_then(|gguf| families::from_gguf("x.gguf", &gguf, families::UnknownSettings::Refuse));
        family.expect_err("it is refused").to_string()
    };
    let check = |name: &str, expected: &str| {
        let message = refusal(name);
        assert!(message.contains(expected), "{message}");
    };
    check("alignment-zero", "its header makes no sense (attempt to divide by zero)");
    check("tensor-at-odd-place", "tensor `a` lies at 65, which is no multiple of 8");
    check("many-layers", "`llama.block_count` = 1073741824; a number up to");
}
