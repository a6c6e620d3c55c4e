//! Models of test folders, and the steps of Deep-Thinking over their demonstrations.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::{Batch, Placement, TokenTree};
use ft_engine::model::families::{Family, UnknownSettings, from_config_json};
use ft_engine::model::weights::{TensorSource, WeightFormat};
use ft_engine::model::{Context, Decoder};
use ft_engine::tune::{Demonstrations, Momentum, State, StepPolicy};
use ft_host::run::open_weights;
use ft_store::models::weight_files::weight_files;

/// The folders of models in a folder, sorted.
pub fn models_in(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = paths.filter(|path| path.join("golden.safetensors").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} has no folder with a golden.safetensors", root.display());
    folders
}

/// The seven families, as this project's reference has them.
pub fn families() -> Vec<PathBuf> {
    models_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny"))
}

/// Variants of the families, made by `tests/data/variants/make.py`.
pub fn variants() -> Vec<PathBuf> {
    models_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/variants"))
}

/// A folder's name.
pub fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How f32 models are held on the CPU.
pub const F32: Placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };

/// A folder's model.
pub fn load(folder: &Path, placement: &Placement) -> Decoder {
    let files = weight_files(folder).unwrap();
    load_from(folder, &open_weights(&files).unwrap(), placement)
}

/// A folder's model, run by the tensor library's operations.
pub fn load_for_library(folder: &Path, placement: &Placement) -> Decoder {
    let Family { config, layout, .. } = family(folder);
    let weights = open_weights(&weight_files(folder).unwrap()).unwrap();
    Decoder::load_for_library(config, &layout, &weights, placement).unwrap_or_else(|error| panic!("{error}"))
}

/// A folder's model with weights from elsewhere.
pub fn load_from(folder: &Path, source: &dyn TensorSource, placement: &Placement) -> Decoder {
    let Family { config, layout, .. } = family(folder);
    Decoder::load(config, &layout, source, placement).unwrap_or_else(|error| panic!("{error}"))
}

fn family(folder: &Path) -> Family {
    let config = std::fs::read(folder.join("config.json")).unwrap();
    from_config_json("config.json", &config, UnknownSettings::Refuse).unwrap()
}

/// What PyTorch gave.
pub struct Golden {
    tensors: HashMap<String, Tensor>,
    pub demonstrations: Vec<u32>,
    pub query: Vec<u32>,
    pub steps: usize,
}

impl Golden {
    pub fn read(folder: &Path) -> Golden {
        let tensors = candle_core::safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
        let ids = |name: &str| -> Vec<u32> { tensors[name].to_dtype(DType::U32).unwrap().to_vec1().unwrap() };
        let (demonstrations, query) = (ids("demo_ids"), ids("query_ids"));
        let steps = (1..).take_while(|step| tensors.contains_key(&format!("step{step}_k"))).count();
        assert!(steps >= 2, "{}: golden.safetensors has {steps} steps", folder.display());
        Golden { tensors, demonstrations, query, steps }
    }

    pub fn tensor(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }
}

/// The states after each step, the first a plain pass.
pub fn states(decoder: &Decoder, golden: &Golden) -> Vec<State> {
    let mut rule = Momentum::new(0.01, 0.9);
    let mut states = vec![State::first(decoder, &golden.demonstrations).unwrap()];
    while states.len() < golden.steps {
        let last = &states[states.len() - 1];
        states.push(
            last.next(
                decoder,
                &Demonstrations::of_tokens(golden.demonstrations.clone()),
                StepPolicy::PUBLISHED,
                &mut rule,
            )
            .unwrap(),
        );
    }
    states
}

/// The logits of every token of a text behind a context, `[tokens, vocabulary]`.
pub fn logits(decoder: &Decoder, context: &Context, ids: &[u32]) -> Tensor {
    let rows: Vec<usize> = (0..ids.len()).collect();
    let trees = [TokenTree::chain(ids)];
    let output = decoder.forward(Batch::after(context, &trees, &rows)).unwrap();
    decoder.logits(&output.hidden_states).unwrap()
}

/// The largest difference.
pub fn worst(found: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
    let difference = (wide(found) - wide(expected)).unwrap().abs().unwrap().flatten_all().unwrap();
    let values: Vec<f32> = difference.to_vec1().unwrap();
    // A NaN would pass a plain maximum unseen.
    values.into_iter().fold(0.0, |worst, x| if x.is_nan() || worst < x { x } else { worst })
}
