//! Checkpoints with FP8 weights and their scales, made by `tests/data/fp8/make.py`.

use std::path::Path;

use candle_core::{DType, Device};
use ft_engine::model::decoder::Placement;
use ft_engine::model::families::{Family, UnknownSettings, from_config_json};
use ft_engine::model::weights::{Scaled, TensorSource, WeightFormat};
use ft_engine::model::{Context, Decoder, checkpoint};
use ft_host::run::open_weights;
use ft_store::models::weight_files::weight_files;

use crate::support::{F32, logits, worst};

fn open(folder: &Path) -> (Family, Scaled) {
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let family = from_config_json("config.json", &config, UnknownSettings::Refuse).unwrap();
    let arrays = open_weights(&weight_files(folder).unwrap()).unwrap();
    let fp8 = family.fp8.clone().expect("an FP8 checkpoint");
    (family, Scaled::new(arrays, fp8))
}

#[test]
fn weights_are_numbers_times_scales() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fp8");
    let forms =
        ["block", "block_uneven", "tensor", "e5m2", "compressed_channel", "compressed_tensor", "compressed_block"];
    for form in forms {
        let folder = data.join(form);
        let golden = candle_core::safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
        let ids: Vec<u32> = golden["ids"].to_dtype(DType::U32).unwrap().to_vec1().unwrap();
        let (family, source) = open(&folder);
        let unused = checkpoint::check(&family, &source).unwrap();
        // Activations' scales are no part of the weights; nothing else is left.
        assert!(unused.iter().all(|unused| unused.harmless), "{form}: {unused:?}");
        assert_eq!(unused.len(), if form == "tensor" { 14 } else { 0 }, "{form}");
        let load =
            |placement: &Placement| Decoder::load(family.config.clone(), &family.layout, &source, placement).unwrap();
        let difference = worst(&logits(&load(&F32), &Context::zero_shot(None), &ids), &golden["logits"]);
        println!("{form}: {difference:.1e}");
        assert!(difference <= 1e-4, "{form}: {difference:.1e}");
        // Bfloat16 and 8-bit blocks round once more: far less than a wrong scale would change.
        let half = worst(
            &logits(&load(&Placement { dtype: DType::BF16, ..F32 }), &Context::zero_shot(None), &ids),
            &golden["logits"],
        );
        let blocks = Placement { weights: WeightFormat::Quantized, ..F32 };
        let blocks = worst(&logits(&load(&blocks), &Context::zero_shot(None), &ids), &golden["logits"]);
        println!("{form} in bf16: {half:.1e}, in 8 bit: {blocks:.1e}");
        assert!(half <= 0.5 && blocks <= 0.5, "{form}: {half:.1e} {blocks:.1e}");
        assert!(family.notes.iter().any(|note| note.contains("dequantized")), "{form}: {:?}", family.notes);
        assert!(source.names().len() > 24);
    }
}
