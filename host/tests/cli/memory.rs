//! What a run would take, said and refused before weights are read; where downloads lie.

use serde_json::{Value, json};

use crate::support::{Place, guest};

/// OPT-175b's shape: 700 GB in f32, more than a machine for tests has.
fn enormous(config: &mut Value) {
    *config = json!({"model_type": "opt", "hidden_size": 12288, "ffn_dim": 49152, "num_hidden_layers": 96,
        "num_attention_heads": 96, "max_position_embeddings": 2048, "vocab_size": 50272, "word_embed_proj_dim": 12288});
}

/// A safetensors file of that model, whose numbers no disk has: reading them would take minutes.
fn sparse_weights(place: &Place) {
    let (hidden, wide) = (12288u64, 49152u64);
    let mut tensors = vec![
        ("embed_tokens.weight".to_owned(), vec![50272, hidden]),
        ("embed_positions.weight".to_owned(), vec![2050, hidden]),
        ("final_layer_norm.weight".to_owned(), vec![hidden]),
        ("final_layer_norm.bias".to_owned(), vec![hidden]),
    ];
    for layer in 0..96 {
        let linear = |name: &str, out: u64, inputs: u64| {
            let name = format!("layers.{layer}.{name}");
            [(format!("{name}.weight"), vec![out, inputs]), (format!("{name}.bias"), vec![out])]
        };
        let norm = |name: &str| ["weight", "bias"].map(|part| (format!("layers.{layer}.{name}.{part}"), vec![hidden]));
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            tensors.extend(linear(&format!("self_attn.{name}"), hidden, hidden));
        }
        tensors.extend(linear("fc1", wide, hidden));
        tensors.extend(linear("fc2", hidden, wide));
        tensors.extend(norm("self_attn_layer_norm"));
        tensors.extend(norm("final_layer_norm"));
    }
    let (mut header, mut bytes) = (serde_json::Map::new(), 0u64);
    for (name, shape) in tensors {
        let end = bytes + 2 * shape.iter().product::<u64>();
        let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [bytes, end]});
        header.insert(format!("model.decoder.{name}"), tensor);
        bytes = end;
    }
    let header = Value::Object(header).to_string();
    let head = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes()].concat();
    let path = place.write("model/model.safetensors", &head);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(head.len() as u64 + bytes).unwrap();
}

#[test]
fn a_model_that_cannot_fit_is_refused_with_numbers_and_forced() {
    let place = Place::empty();
    place.model("model", enormous);
    let parts = ["`model` needs about 71", "GB of memory (weights 698.", "this machine has", "hint:", "--force"];
    // The tiny model's tensors are not that model's, which comes first.
    for more in [&["--dtype", "f32"][..], &["--dtype", "f32", "--force"], &["--dry-run"]] {
        place.sst2(more).failed(2, &["tensor `model.decoder.embed_tokens.weight` is not in"]);
    }
    sparse_weights(&place);
    place.sst2(&["--dtype", "f32"]).failed(2, &parts);
    place.sst2(&["--dtype", "f32", "--dry-run"]).failed(2, &parts);
    place.sst2(&["--dtype", "f32", "--weights", "quantized"]).failed(2, &["(weights 185.", "GB"]);
    assert!(place.names("out").is_empty());
}

#[test]
fn a_plan_says_what_it_takes() {
    let place = Place::with_model();
    let plan = place.sst2(&["--dry-run", "--json", "--limit", "4"]).good().json();
    let memory = |name: &str| plan["memory"][name].as_u64().unwrap();
    let weights = std::fs::metadata(place.path("model/model.safetensors")).unwrap().len();
    // All but norms is counted, all but the header is weights.
    assert!((weights * 8 / 10..=weights).contains(&memory("weights")), "{} of {weights}", memory("weights"));
    assert_eq!(memory("weights"), memory("dense_weights"));
    assert!(memory("total") > memory("weights") + memory("cache") + memory("activations"));
    assert!(memory("available") > memory("total"));
    let text = place.sst2(&["--dry-run"]).good().stdout;
    assert!(text.contains(" of memory: weights ") && text.contains(" are free"), "{text}");
}

#[test]
fn what_an_optimizer_asks_is_part_of_the_plan() {
    let place = Place::with_model();
    let total = |optimizer: &str, more: &[&str]| {
        let optimizer = guest(optimizer);
        let arguments = [&["--dry-run", "--json", "--limit", "1", "--optimizer", &optimizer][..], more].concat();
        place.sst2(&arguments).good().json()["memory"]["total"].as_u64().unwrap()
    };
    let proposing = total("momentum", &[]);
    assert_eq!(total("orders", &[]), proposing);
    assert!(total("context-tuning", &[]) > proposing, "a gradient takes more than a pass");
    // With one step nothing is asked.
    assert_eq!(total("context-tuning", &["--steps", "1"]), total("momentum", &["--steps", "1"]));
}

#[test]
fn eight_bit_weights_say_what_they_save() {
    let place = Place::with_model();
    let done = place.sst2(&["--weights", "quantized", "--limit", "2", "--steps", "1"]).good();
    assert!(done.stdout.contains("note: 8-bit weights take "), "{}", done.stdout);
    let memory = &place.json("out/results.json")["memory"];
    assert!(memory["weights"].as_u64().unwrap() * 2 < memory["dense_weights"].as_u64().unwrap(), "{memory}");
}

#[test]
fn the_hub_cache_is_where_the_flag_says() {
    let place = Place::with_model();
    let snapshot = "elsewhere/models--someone--tiny/snapshots/0123456789abcdef0123456789abcdef01234567";
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        place.write(&format!("{snapshot}/{name}"), std::fs::read(place.path(&format!("model/{name}"))).unwrap());
    }
    place.write("elsewhere/models--someone--tiny/refs/main", "0123456789abcdef0123456789abcdef01234567");
    let model = ["--model", "someone/tiny", "--dry-run"];
    place.sst2(&model).failed(2, &["someone/tiny"]);
    place.sst2(&[&model[..], &["--cache-dir", "elsewhere"]].concat()).good();
    // It wins over the variables.
    let with_flag = |arguments: &[&str]| {
        let mut command = place.command(&[arguments, &["--cache-dir", "elsewhere"]].concat());
        crate::support::Done::of(command.env("HF_HUB_CACHE", place.path("nowhere")).output().unwrap())
    };
    assert!(with_flag(&["model", "pull", "someone/tiny"]).good().stdout.contains("elsewhere"));
    assert!(with_flag(&["model", "inspect", "someone/tiny"]).good().stdout.contains("2 layers"));
    assert!(with_flag(&["model", "list"]).good().stdout.contains("someone/tiny"));
}
