//! One model in several forms of weights.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device};
use ft_engine::model::weights::{Gguf, TensorSource, WeightBytes};
use ft_engine::model::{Context, Decoder, families};
use ft_host::run::open_weights;

use crate::support::{F32, Golden, load_from, logits, name, variants, worst};

/// Of the forms among each other; what they hold is the same to the bit, but the order of sums is not.
const TOLERANCE: f32 = 1e-5;

fn load_form(path: &Path) -> Decoder {
    let folder = path.parent().unwrap();
    if path.extension().is_some_and(|extension| extension == "gguf") {
        let bytes: WeightBytes = Arc::new(std::fs::read(path).unwrap());
        let gguf = Gguf::new("model.gguf", bytes).unwrap();
        let family = families::from_gguf("model.gguf", &gguf, families::UnknownSettings::Refuse).unwrap();
        return Decoder::load(family.config, &family.layout, &gguf, &F32).unwrap();
    }
    load_from(folder, &open_weights(&[path.to_owned()]).unwrap(), &F32)
}

#[test]
fn all_forms_of_a_model_give_the_same_logits() {
    let mut compared = Vec::new();
    for folder in variants() {
        let forms = ["model.safetensors", "model.gguf", "pytorch_model.bin"];
        let forms: Vec<PathBuf> = forms.iter().map(|form| folder.join(form)).filter(|path| path.is_file()).collect();
        if let [first, others @ ..] = forms.as_slice()
            && !others.is_empty()
        {
            let golden = Golden::read(&folder);
            let expected = logits(&load_form(first), &Context::zero_shot(None), &golden.demonstrations);
            for other in others {
                let difference =
                    worst(&logits(&load_form(other), &Context::zero_shot(None), &golden.demonstrations), &expected);
                println!("{}: {difference:.1e}", other.display());
                assert!(difference <= TOLERANCE, "{}: {difference:e}", other.display());
                compared.push(format!("{} {}", name(&folder), name(other)));
            }
        }
    }
    let expected = ["llama model.gguf", "llama pytorch_model.bin", "qwen2_gguf model.gguf", "qwen3 model.gguf"];
    assert_eq!(compared, expected);
}

#[test]
fn a_cut_or_foreign_checkpoint_is_named() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/variants");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    for model in ["llama", "gpt2_old"] {
        let whole = std::fs::read(data.join(model).join("pytorch_model.bin")).unwrap();
        let source = open_weights(&[data.join(model).join("pytorch_model.bin")]).unwrap();
        let names = ["model.norm.weight", "ln_f.weight"];
        let weight = names.iter().find(|name| source.contains(name)).unwrap();
        assert!(source.tensor(weight, &[32], DType::F32, &Device::Cpu).is_ok());
        let error = source.tensor(weight, &[31], DType::F32, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(weight) && error.contains("pytorch_model.bin") && error.contains("[31]"), "{error}");
        for length in [0, 1, 20, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = open_weights(std::slice::from_ref(&path)).err().unwrap().to_string();
            assert!(error.contains("pytorch_model.bin` cannot be read as a PyTorch checkpoint"), "{length}: {error}");
        }
    }
    std::fs::write(&path, "<html>").unwrap();
    assert!(open_weights(&[path]).is_err());
}

/// Objects that were copied or dropped by recursion would overflow the stack, which no error handling survives.
#[test]
fn a_hostile_pickle_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let nested = [b"\x80\x02]".as_slice(), &b"\x85".repeat(5_000_000), b"."].concat();
    std::fs::write(&path, [magic.as_slice(), &nested].concat()).unwrap();
    let error = open_weights(std::slice::from_ref(&path)).err().unwrap().to_string();
    assert!(error.contains("pytorch_model.bin") && error.contains("at most 4194304 objects"), "{error}");

    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    archive.start_file("model/data.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&nested).unwrap();
    archive.finish().unwrap();
    let error = open_weights(&[path]).err().unwrap().to_string();
    assert!(error.contains("at most 4194304 objects"), "{error}");
}
