//! Model folders whose files do not go together, or are not what they seem: told before weights are read, by `run`, by
//! `run --dry-run` and by `model inspect` alike.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use crate::support::*;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 269060552\n";

/// Writes a folder's weights anew: each tensor's numbers through `change`, and further tensors of zeros.
fn rewrite(place: &Place, folder: &str, change: impl Fn(&str, &mut [f32]), more: &[(&str, &[usize])]) {
    let file = format!("{folder}/model.safetensors");
    let bytes = std::fs::read(place.path(&file)).unwrap();
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
        assert_eq!(view.dtype(), Dtype::F32);
        let (chunks, _) = view.data().as_chunks();
        let mut numbers: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        change(&name, &mut numbers);
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        tensors.push((name, view.shape().to_vec(), bytes));
    }
    for (name, shape) in more {
        tensors.push(((*name).into(), shape.to_vec(), vec![0; 4 * shape.iter().product::<usize>()]));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    place.write(&file, safetensors::serialize(views, None).unwrap());
}

/// Puts a prefix before the names of a folder's weights.
fn put_under(place: &Place, folder: &str, prefix: &str) {
    let file = format!("{folder}/model.safetensors");
    let bytes = std::fs::read(place.path(&file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let named = tensors.tensors().into_iter().map(|(name, view)| (format!("{prefix}{name}"), view));
    place.write(&file, safetensors::serialize(named, None).unwrap());
}

/// The same refusal from a run, a dry one, and the description of a model.
fn refused_everywhere(place: &Place, model: &str, parts: &[&str]) {
    place.sst2(&["--model", model, "--limit", "1"]).failed(2, parts);
    place.sst2(&["--model", model, "--limit", "1", "--dry-run"]).failed(2, parts);
    place.host(&["model", "inspect", model]).failed(2, parts);
}

#[test]
fn quantized_weights_are_refused_by_their_method() {
    let place = Place::empty();
    place.model("gptq", |config| config["quantization_config"] = json!({"quant_method": "gptq", "bits": 4}));
    let parts = [
        "`gptq/config.json`: the weights are quantized by `gptq` in 4 bit (`quantization_config`)",
        "hint: name the repository",
    ];
    refused_everywhere(&place, "gptq", &parts);
    place.sst2(&["--model", "gptq", "--force"]).failed(2, &parts);
}

#[test]
fn settings_that_nobody_knows_need_force() {
    let place = Place::empty();
    place.model("model", |config| config["final_logit_softcapping"] = 30.0.into());
    let parts =
        ["expected settings whose effect this host knows, got `final_logit_softcapping` = 30.0", "hint: `--force`"];
    place.sst2(&["--dry-run"]).failed(2, &parts);
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    assert!(described.contains("note: settings of the model's configuration were passed over"), "{described}");
    place.sst2(&["--limit", "1", "--steps", "1", "--shots", "1", "--force"]).good();
    let notes = place.json("out/results.json")["notes"].to_string();
    assert!(notes.contains("`final_logit_softcapping` = 30.0"), "{notes}");
}

#[test]
fn tensors_that_nothing_uses_need_force() {
    let place = Place::with_model();
    let mask = ("model.layers.0.self_attn.rotary_emb.inv_freq", &[4][..]);
    rewrite(&place, "model", |_, _| (), &[mask]);
    place.sst2(&["--dry-run"]).good();
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    let line = "tensors that the model does not need: `model.layers.0.self_attn.rotary_emb.inv_freq` (rotary table)";
    assert!(described.contains(line) && !described.contains("note: "), "{described}");
    rewrite(&place, "model", |_, _| (), &[("model.layers.1.self_attn.q_norm.weight", &[8])]);
    let parts = [
        "`model/model.safetensors` has 1 tensor that the model does not use: `model.layers.1.self_attn.q_norm.weight` (norms",
        "hint: is `config.json` the checkpoint's own? `--force`",
    ];
    place.sst2(&["--dry-run"]).failed(2, &parts);
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    assert!(described.contains("note: tensors were passed over"), "{described}");
    place.sst2(&["--limit", "1", "--steps", "1", "--shots", "1", "--force"]).good();
    assert!(place.json("out/results.json")["notes"].to_string().contains("q_norm.weight"));
}

#[test]
fn what_the_headers_show_is_found_without_the_weights() {
    let place = Place::empty();
    place.model("deeper", |config| config["num_hidden_layers"] = 3.into());
    refused_everywhere(&place, "deeper", &["tensor `model.layers.2.", "is not in `deeper/model.safetensors`"]);
    place.model("wider", |config| config["intermediate_size"] = 96.into());
    refused_everywhere(&place, "wider", &["has the wrong shape: expected [96, 32], got [80, 32]"]);
}

#[test]
fn tokens_without_an_embedding_are_found_in_what_is_to_be_run() {
    let place = Place::with_model();
    let mut tokenizer: Value = serde_json::from_str(&place.read("model/tokenizer.json")).unwrap();
    // A letter that every review has.
    tokenizer["model"]["vocab"]["e"] = 4096.into();
    place.write("model/tokenizer.json", tokenizer.to_string());
    let parts = ["token id 4096 is outside the model's vocabulary of 96; is the tokenizer the model's own?"];
    place.sst2(&["--dry-run"]).failed(2, &parts);
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    assert!(described.contains("note: the tokenizer has ids up to 4096, and the embedding ends at 95"), "{described}");
    // Tokens that no text of the run has do not matter.
    place.model("model", |_| ());
    let mut tokenizer: Value = serde_json::from_str(&place.read("model/tokenizer.json")).unwrap();
    tokenizer["added_tokens"] = json!([{"id": 96, "content": "<pad>", "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true}]);
    place.write("model/tokenizer.json", tokenizer.to_string());
    place.sst2(&["--dry-run"]).good();
}

#[test]
fn pointers_in_the_place_of_files_are_told() {
    let place = Place::empty();
    for name in ["model.safetensors", "tokenizer.json", "config.json"] {
        place.model("pointer", |_| ());
        place.write(&format!("pointer/{name}"), POINTER);
        let file = format!("pointer/{name}`: expected a file of 269060552 bytes, got a Git LFS pointer to it");
        refused_everywhere(&place, "pointer", &[&file, "hint: run `git lfs pull`"]);
    }
    place.model("pointer", |_| ());
    std::fs::remove_file(place.path("pointer/model.safetensors")).unwrap();
    place.write("pointer/model.safetensors.index.json", POINTER);
    refused_everywhere(&place, "pointer", &["model.safetensors.index.json`: expected a file of 269060552 bytes"]);
    place.write("pointer.gguf", POINTER);
    refused_everywhere(&place, "pointer.gguf", &["pointer.gguf`: expected a file of 269060552 bytes"]);
}

#[test]
fn an_adapter_is_told_as_one() {
    let place = Place::with_model();
    place.write("model/adapter_config.json", "{\"base_model_name_or_path\": \"x\"}");
    place.sst2(&["--dry-run"]).good();
    place.write("model/adapter_model.safetensors", "");
    let parts = ["`model`: expected a whole model, got an adapter (`adapter_config.json`)", "hint: merge it"];
    refused_everywhere(&place, "model", &parts);
    place.write("adapter/adapter_config.json", "{}");
    refused_everywhere(&place, "adapter", &["`adapter`: expected a whole model, got an adapter"]);
}

#[test]
fn a_wrapper_of_training_is_noted_and_another_refused() {
    let place = Place::with_model();
    place.sst2(&["--limit", "2", "--steps", "1", "--shots", "1"]).good();
    put_under(&place, "model", "_orig_mod.");
    place.sst2(&["--limit", "2", "--steps", "1", "--shots", "1", "--out", "wrapped"]).good();
    let logliks = |out: &str| place.samples(out).iter().map(|sample| sample["loglik"].clone()).collect::<Vec<Value>>();
    assert_eq!(logliks("wrapped"), logliks("out"));
    let notes = |out: &str| place.json(&format!("{out}/results.json"))["notes"].to_string();
    assert!(notes("wrapped").contains("under `_orig_mod.`") && !notes("out").contains("_orig_mod"), "{}", notes("out"));
    put_under(&place, "model", "base_model.model.");
    let parts =
        ["got it under `base_model.model._orig_mod.`, as all tensors of the checkpoint are", "hint: save the model"];
    refused_everywhere(&place, "model", &parts);
}

/// A tokenizer with a token for the beginning: the demonstrations begin with it, queries without demonstrations do not.
#[test]
fn zero_shot_without_the_token_for_the_beginning_is_noted() {
    let place = Place::with_model();
    let notes = || place.json("out/results.json")["notes"].to_string();
    let run = ["--limit", "2", "--steps", "1", "--shots", "1", "--restart"];
    place.sst2(&run).good();
    assert!(!notes().contains("zero-shot"), "{}", notes());
    let mut tokenizer = place.json("model/tokenizer.json");
    let begin = json!({"SpecialToken": {"id": "{", "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    tokenizer["post_processor"] = json!({"type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text],
        "special_tokens": {"{": {"id": "{", "ids": [3], "tokens": ["{"]}}});
    place.write("model/tokenizer.json", tokenizer.to_string());
    place.sst2(&run).good();
    assert!(notes().contains("zero-shot: 2 queries are scored without token 3, which the demonstrations begin with"));
    // `tokenizer_config.json` beside it counts.
    place.write("model/tokenizer_config.json", "{\"tokenizer_class\": \"GPTNeoXTokenizer\"}");
    place.sst2(&run).good();
    let results = place.json("out/results.json");
    assert_eq!((notes().contains("zero-shot"), notes().contains("tokenizer_config")), (false, false), "{}", notes());
    assert!(results["model"]["files"].to_string().contains("tokenizer_config.json"), "{}", results["model"]);
    place.write("model/tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\", \"add_bos_token\": false}");
    place.sst2(&run).good();
    let told = "`tokenizer_config.json` (`LlamaTokenizer`, `add_bos_token` = false) differs from `tokenizer.json`";
    assert!(notes().contains(told) && notes().contains("zero-shot"), "{}", notes());
}

#[test]
fn other_weights_in_the_folder_are_noted() {
    let place = Place::with_model();
    let noted = |expected: bool| {
        let described = place.host(&["model", "inspect", "model"]).good().stdout;
        assert_eq!(described.contains("belongs to other weights in the same folder"), expected, "{described}");
    };
    let index = |file: &str| json!({"metadata": {}, "weight_map": {"model.norm.weight": file}}).to_string();
    noted(false);
    place.write("model/model.safetensors.index.json", index("model.safetensors"));
    noted(false);
    place.write("model/model.safetensors.index.json", index("model-00001-of-00002.safetensors"));
    noted(true);
    std::fs::remove_file(place.path("model/model.safetensors.index.json")).unwrap();
    place.write("model/model-00001-of-00002.safetensors", "");
    noted(true);
    // Alone it is no model, for nothing says what else there is.
    std::fs::remove_file(place.path("model/model.safetensors")).unwrap();
    let parts = [
        "has no weights: none of model.safetensors",
        "; `model-00001-of-00002.safetensors` is there, and nothing lists it",
    ];
    refused_everywhere(&place, "model", &parts);
    let twice = "{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"y.safetensors\"}}";
    place.write("model/model.safetensors.index.json", twice);
    refused_everywhere(&place, "model", &["is not an index of weight files: expected the key `a` once in an object"]);
}

#[test]
fn numbers_that_are_none_are_not_the_optimizers_fault() {
    let place = Place::with_model();
    let damaged = |name: &str, numbers: &mut [f32]| {
        if name == "model.layers.1.mlp.down_proj.weight" {
            numbers[5] = f32::NAN;
        }
    };
    rewrite(&place, "model", damaged, &[]);
    let parts = [
        "tensor `model.layers.1.mlp.down_proj.weight` in `model/model.safetensors` has NaN or infinity",
        "hint: the file",
    ];
    place.sst2(&["--limit", "1"]).failed(2, &parts);

    // Every weight is finite, and scores of attention are not.
    place.model("large", |_| ());
    let large = |name: &str, numbers: &mut [f32]| {
        if name.starts_with("model.layers.0.self_attn.q_proj") || name.starts_with("model.layers.0.self_attn.k_proj") {
            numbers.iter_mut().for_each(|number| *number *= 1e30);
        }
    };
    rewrite(&place, "large", large, &[]);
    let parts = [
        "the model's own pass gives NaN or infinity, first in the keys or values of layer 1",
        "hint: no optimizer had a part in it",
    ];
    place.sst2(&["--model", "large", "--limit", "1"]).failed(2, &parts);
}
