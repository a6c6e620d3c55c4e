//! Configurations as they are published, and what is said about models that cannot be run.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use ft_engine::model::decoder::DecoderConfig;
use ft_engine::model::decoder::Placement;
use ft_engine::model::decoder::config::RotaryScaling;
use ft_engine::model::decoder::layout::QkvNames;
use ft_engine::model::families::{Family, UnknownSettings, from_config_json};
use ft_engine::model::weights::{Arrays, WeightBytes, WeightFormat};
use ft_engine::model::{Decoder, ModelError};
use serde_json::{Map, Value, json};

fn family(config: &Value) -> Result<Family, ModelError> {
    from_config_json("config.json", config.to_string().as_bytes(), UnknownSettings::Refuse)
}

/// Layers, width, embedding, heads, key/value heads, width of a head, MLP, positions, vocabulary.
fn summary(config: &Value) -> String {
    let c = family(config).unwrap().config;
    let positions = c.max_positions.map_or("any".into(), |positions| positions.to_string());
    format!(
        "{} {} {} {} {} {} {} {positions} {}",
        c.layers.len(),
        c.hidden,
        c.embedding,
        c.heads,
        c.kv_heads,
        c.head_dim,
        c.intermediate,
        c.vocabulary
    )
}

/// The window of every layer.
fn windows_of(config: &DecoderConfig) -> Vec<Option<usize>> {
    config.layers.iter().map(|layer| layer.window).collect()
}

#[test]
fn published_configurations_are_read() {
    let cases = [
        (
            // facebook/opt-350m
            json!({"model_type": "opt", "_remove_final_layer_norm": false, "activation_function": "relu",
                "do_layer_norm_before": false, "ffn_dim": 4096, "hidden_size": 1024, "max_position_embeddings": 2048,
                "num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 50272, "word_embed_proj_dim": 512}),
            "24 1024 512 16 16 64 4096 2048 50272",
        ),
        (
            // gpt2
            json!({"model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "n_ctx": 1024,
                "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}),
            "12 768 768 12 12 64 3072 1024 50257",
        ),
        (
            // EleutherAI/gpt-neo-1.3B
            json!({"model_type": "gpt_neo", "activation_function": "gelu_new",
                "attention_types": [[["global", "local"], 12]], "hidden_size": 2048, "intermediate_size": null,
                "layer_norm_epsilon": 1e-5, "max_position_embeddings": 2048, "num_heads": 16, "num_layers": 24,
                "vocab_size": 50257, "window_size": 256}),
            "24 2048 2048 16 16 128 8192 2048 50257",
        ),
        (
            // EleutherAI/gpt-j-6b
            json!({"model_type": "gptj", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "n_embd": 4096,
                "n_head": 16, "n_inner": null, "n_layer": 28, "n_positions": 2048, "rotary": true, "rotary_dim": 64,
                "tie_word_embeddings": false, "vocab_size": 50400}),
            "28 4096 4096 16 16 256 16384 2048 50400",
        ),
        (
            // EleutherAI/pythia-70m
            json!({"model_type": "gpt_neox", "hidden_act": "gelu", "hidden_size": 512, "intermediate_size": 2048,
                "layer_norm_eps": 1e-5, "max_position_embeddings": 2048, "num_attention_heads": 8,
                "num_hidden_layers": 6, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false,
                "use_parallel_residual": true, "vocab_size": 50304}),
            "6 512 512 8 8 64 2048 2048 50304",
        ),
        (
            // bigscience/bloom-560m, with names of its own
            json!({"model_type": "bloom", "apply_residual_connection_post_layernorm": false,
                "layer_norm_epsilon": 1e-5, "n_embed": 1024, "n_inner": null, "n_layer": 24,
                "num_attention_heads": 16, "offset_alibi": 100, "seq_length": 2048, "vocab_size": 250880}),
            "24 1024 1024 16 16 64 4096 any 250880",
        ),
        (
            // meta-llama/Llama-2-7b
            json!({"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 11008,
                "max_position_embeddings": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
                "num_key_value_heads": 32, "rms_norm_eps": 1e-5, "rope_scaling": null, "tie_word_embeddings": false,
                "vocab_size": 32000}),
            "32 4096 4096 32 32 128 11008 4096 32000",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(summary(&config), expected, "{}", config["model_type"]);
    }
}

/// What a file leaves out is as transformers 4.57 has it; null is not the same as nothing.
#[test]
fn settings_that_a_file_leaves_out() {
    let sizes = json!({"hidden_size": 1024, "intermediate_size": 64, "num_hidden_layers": 4, "vocab_size": 8,
        "num_attention_heads": 32, "max_position_embeddings": 64});
    let windows = |changes: Value| {
        let mut config = sizes.as_object().unwrap().clone();
        config.extend(changes.as_object().unwrap().clone());
        let config = family(&Value::Object(config)).unwrap().config;
        (windows_of(&config), config.kv_heads, config.head_dim)
    };
    let (whole, window) = (vec![None; 4], |window: usize| vec![Some(window); 4]);
    assert_eq!(windows(json!({"model_type": "llama"})), (whole.clone(), 32, 32));
    assert_eq!(windows(json!({"model_type": "mistral"})), (window(4096), 8, 32));
    assert_eq!(windows(json!({"model_type": "mistral", "sliding_window": null})), (whole.clone(), 8, 32));
    assert_eq!(windows(json!({"model_type": "mistral", "num_key_value_heads": null})), (window(4096), 32, 32));
    assert_eq!(windows(json!({"model_type": "qwen2"})), (whole.clone(), 32, 32));
    assert_eq!(windows(json!({"model_type": "qwen3"})), (whole, 32, 128));
    let qwen2 = json!({"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 2});
    assert_eq!(windows(qwen2).0, [None, None, Some(4096), Some(4096)]);
    let smollm3 = json!({"model_type": "smollm3", "use_sliding_window": true, "sliding_window": 5});
    assert_eq!(windows(smollm3), (vec![None, None, None, Some(5)], 4, 32));
}

/// A family's tiny configuration with some settings changed.
fn changed(name: &str, changes: Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(name);
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let mut config: Map<String, Value> = serde_json::from_slice(&config).unwrap();
    config.extend(changes.as_object().unwrap().clone());
    Value::Object(config)
}

#[test]
fn what_the_decoder_does_not_cover_is_named() {
    let cases = [
        ("llama", json!({"model_type": "other"}), "a model of architecture `other`; this host runs opt, gpt2"),
        ("llama", json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}), "`rope_scaling` = {"),
        ("llama", json!({"num_key_value_heads": 3}), "`num_key_value_heads` = 3; expected a divisor of the 4 query"),
        ("llama", json!({"intermediate_size": null}), "lacks `intermediate_size`, which `llama` needs"),
        ("bloom", json!({"slow_but_exact": true, "pretraining_tp": 2}), "`slow_but_exact` = true; expected false"),
        ("llama", json!({"hidden_act": "mish"}), "`hidden_act` = \"mish\""),
        ("gpt2", json!({"n_embd": null}), "lacks `hidden_size`, which `gpt2` needs"),
        ("gpt2", json!({"n_head": 5}), "`num_attention_heads` = 5; expected a divisor of the width, 32"),
        ("gpt_neo", json!({"attention_layers": ["global", "far"]}), "`attention_layers` = [\"global\",\"far\"]"),
        ("gpt_neo", json!({"attention_layers": ["global"]}), "for each of the 2 layers"),
        ("gptj", json!({"rotary_dim": 9}), "`rotary dimensions` = 9; expected an even number of a head's 16"),
        ("opt", json!({"enable_bias": 1}), "`enable_bias` = 1; expected true or false"),
    ];
    for (name, changes, message) in cases {
        let error = family(&changed(name, changes)).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[test]
fn a_missing_or_misshapen_tensor_has_its_full_name() {
    let cases = [
        (
            "bloom",
            json!({"n_layer": 3}),
            "tensor `transformer.h.2.self_attention.query_key_value.weight` is not in `w`",
        ),
        (
            "opt",
            json!({"ffn_dim": 65}),
            "`model.decoder.layers.0.fc1.weight` in `w` has the wrong shape: expected [65, 32], got [64, 32]",
        ),
        (
            "gpt2",
            json!({"n_inner": 64}),
            "`transformer.h.0.mlp.c_fc.weight` in `w` has the wrong shape: expected [32, 64], got [32, 128]",
        ),
        ("gpt2", json!({"tie_word_embeddings": false}), "tensor `lm_head.weight` is not in `w`"),
        (
            "gpt_neox",
            json!({"vocab_size": 97}),
            "`gpt_neox.embed_in.weight` in `w` has the wrong shape: expected [97, 32], got [96, 32]",
        ),
    ];
    for (name, changes, message) in cases {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(name);
        let bytes: WeightBytes = Arc::new(std::fs::read(folder.join("model.safetensors")).unwrap());
        let source = Arrays::new(vec![("w".into(), bytes)]).unwrap();
        let Family { config, layout, .. } = family(&changed(name, changes)).unwrap();
        let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
        let error = Decoder::load(config, &layout, &source, &placement).err().unwrap().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

/// Configurations as they stand on the hub, and as two versions of transformers write a family's defaults.
#[test]
fn whole_configurations_have_no_unknown_setting() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configs");
    for (file, count) in [("published.json", 24), ("transformers-4.json", 22), ("transformers-5.json", 22)] {
        let configs: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        assert_eq!(configs.len(), count, "{file}");
        for config in configs {
            match family(&config) {
                Ok(family) => assert_eq!(family.notes, [""; 0], "{file}: {config}"),
                Err(error) => panic!("{file}: {config}: {error}"),
            }
        }
    }
}

#[test]
fn settings_that_nobody_knows_are_named() {
    let cases = [
        ("llama", json!({"attention_multiplier": 0.5}), "`attention_multiplier` = 0.5"),
        ("llama", json!({"final_logit_softcapping": 30.0}), "`final_logit_softcapping` = 30.0"),
        ("llama", json!({"sliding_window": 16}), "`sliding_window` = 16"),
        ("llama", json!({"use_sliding_window": true}), "`use_sliding_window` = true"),
        ("llama", json!({"use_qk_norm": true}), "`use_qk_norm` = true"),
        ("llama", json!({"some_new_switch": false}), "`some_new_switch` = false"),
        ("llama", json!({"rope_interleaved": true}), "`rope_interleaved` = true"),
        ("llama", json!({"layer_norm_epsilon": 0.1}), "`layer_norm_epsilon` = 0.1"),
        ("llama", json!({"architectures": ["LlamaForSequenceClassification"]}), "(expected `LlamaForCausalLM`)"),
        ("llama", json!({"architectures": ["MixtralForCausalLM"]}), "`architectures` = [\"MixtralForCausalLM\"]"),
        ("llama", json!({"auto_map": {"AutoModelForCausalLM": "modeling.Own"}}), "`auto_map` = {"),
        ("gpt2", json!({"add_cross_attention": true}), "`add_cross_attention` = true"),
        ("gpt2", json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), "`rope_scaling` = {"),
        ("gptj", json!({"scale_attn_weights": false}), "`scale_attn_weights` = false"),
        ("gptj", json!({"rope_theta": 5000}), "`rope_theta` = 5000"),
        ("opt", json!({"scale_embeddings": true}), "`scale_embeddings` = true"),
        ("bloom", json!({"pruned_heads": {"0": [1]}}), "`pruned_heads` = {\"0\":[1]}"),
        (
            "llama",
            json!({"rope_scaling": {"rope_type": "linear", "factor": 2, "beta_fast": 32}}),
            "`rope_scaling.beta_fast` = 32",
        ),
        ("llama", json!({"rope_scaling": {"rope_type": "default", "factor": 4}}), "`rope_scaling.factor` = 4"),
    ];
    for (name, changes, named) in cases {
        let config = changed(name, changes);
        let error = family(&config).unwrap_err();
        assert!(
            error.to_string().starts_with("`config.json`: expected settings whose effect this host knows, got `"),
            "{error}"
        );
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.hint().unwrap().contains("`--force`"));
        let noted = from_config_json("config.json", config.to_string().as_bytes(), UnknownSettings::Note).unwrap();
        assert!(noted.notes[0].contains("passed over") && noted.notes[0].contains(named), "{:?}", noted.notes);
    }
}

#[test]
fn values_that_say_that_nothing_is_there_are_taken() {
    let cases = [
        json!({"attention_multiplier": 1, "embedding_multiplier": 1.0, "residual_multiplier": 1.0}),
        json!({"final_logit_softcapping": null, "attn_logit_softcapping": null, "some_new_switch": null}),
        json!({"use_sliding_window": false, "sliding_window": null, "max_window_layers": 28}),
        json!({"layer_types": ["full_attention", "full_attention"]}),
        json!({"partial_rotary_factor": 1.0, "num_local_experts": 1, "num_experts": 0}),
        json!({"architectures": null, "auto_map": {"AutoConfig": "configuration.Own"}}),
        json!({"architectures": ["LlamaModel"]}),
    ];
    let plain = family(&changed("llama", json!({}))).unwrap().config;
    for changes in cases {
        let family = family(&changed("llama", changes.clone())).unwrap_or_else(|error| panic!("{changes}: {error}"));
        assert_eq!(family.config, plain, "{changes}");
        assert_eq!(family.notes, [""; 0]);
    }
}

#[test]
fn rotary_settings_say_one_thing() {
    let refused = [
        (
            json!({"rope_scaling": {"factor": 4.0}}),
            "`rope_scaling` = {\"factor\":4.0}; expected a `rope_type` of default, linear",
        ),
        (json!({"rope_scaling": "linear"}), "`rope_scaling` = \"linear\"; expected an object with a `rope_type`"),
        (json!({"rope_scaling": [4.0]}), "`rope_scaling` = [4.0]; expected an object"),
        (json!({"rope_scaling": 4.0}), "`rope_scaling` = 4.0; expected an object"),
        (json!({"rope_scaling": {"type": "linear"}}), "expected a `factor`, got none"),
        (json!({"rope_scaling": {"type": "linear", "factor": "4"}}), "`factor`: expected a number above 0"),
        (json!({"rope_scaling": {"type": "linear", "factor": 0}}), "`factor`: expected a number above 0"),
        (json!({"rope_scaling": {"type": 1, "factor": 2}}), "expected a `rope_type` of"),
        (json!({"rope_scaling": {"type": "longrope", "short_factor": [1.0]}}), "expected a `rope_type` of"),
        (json!({"rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [1]}}), "to be the same"),
        (json!({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}}), "`rope_parameters` = {"),
        (
            json!({"rope_parameters": {"rope_type": "default", "rope_theta": "10000"}}),
            "`rope_parameters.rope_theta`: expected a number",
        ),
        (json!({"rope_theta": 1e4, "rope_parameters": {"rope_theta": 5e4}}), "expected `rope_theta` to be 50000"),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default"}}),
            "expected the same scaling as in `rope_parameters`",
        ),
        (
            json!({"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
            "the same settings for all kinds of layers",
        ),
        (json!({"partial_rotary_factor": 0.5}), "`partial_rotary_factor` = 0.5; expected 1"),
        (json!({"rope_parameters": {"partial_rotary_factor": 0.5}}), "`partial_rotary_factor` = 0.5; expected 1"),
        (
            json!({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 8}}),
            "equal to",
        ),
    ];
    for (mut changes, message) in refused {
        // The tiny configuration has both of its own.
        for key in ["rope_theta", "rope_scaling", "rope_parameters"] {
            changes.as_object_mut().unwrap().entry(key).or_insert(Value::Null);
        }
        let error = family(&changed("llama", changes.clone())).unwrap_err().to_string();
        assert!(error.contains(message), "{changes}: {error}");
    }
    let rotary = |mut changes: Value| {
        for key in ["rope_theta", "rope_scaling", "rope_parameters"] {
            changes.as_object_mut().unwrap().entry(key).or_insert(Value::Null);
        }
        let config = family(&changed("llama", changes)).unwrap().config;
        let rotary = config.layers[0].rotary.expect("every layer is rotated");
        assert!(config.layers.iter().all(|layer| layer.rotary == Some(rotary)));
        (rotary.base, rotary.scaling)
    };
    let linear = (5e4, RotaryScaling::Linear(2.0));
    let old = json!({"rope_theta": 5e4, "rope_scaling": {"type": "linear", "factor": 2}});
    let new = json!({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e4}});
    let nested = json!({"rope_parameters": {"full_attention": new["rope_parameters"].clone()}});
    let mut both = old.clone();
    both["rope_parameters"] = new["rope_parameters"].clone();
    for same in [old, new, nested, both] {
        assert_eq!(rotary(same.clone()), linear, "{same}");
    }
    for none in [json!({"rope_scaling": {}}), json!({"rope_parameters": {"rope_theta": 1e4}}), json!({})] {
        assert_eq!(rotary(none.clone()), (1e4, RotaryScaling::None), "{none}");
    }
}

#[test]
fn models_of_other_kinds_are_named_as_what_they_are() {
    let cases = [
        (json!({"model_type": "mixtral"}), "architecture `mixtral`, which is a mixture of experts"),
        (json!({"model_type": "qwen2_moe"}), "a mixture of experts"),
        (json!({"num_local_experts": 8}), "architecture `llama`, which is a mixture of experts"),
        (json!({"num_experts": 4, "num_experts_per_tok": 2}), "a mixture of experts"),
        (json!({"model_type": "t5"}), "which is an encoder-decoder"),
        (json!({"is_encoder_decoder": true}), "which is an encoder-decoder"),
        (json!({"model_type": "mamba"}), "which is a state-space or recurrent model"),
        (json!({"model_type": "nemotron_h"}), "which is a state-space or recurrent model"),
        (json!({"model_type": "llava"}), "which is a multimodal model"),
        (json!({"model_type": "some_vl", "text_config": {"model_type": "llama"}}), "which is a multimodal model"),
        (json!({"model_type": "bert"}), "which is an encoder;"),
    ];
    for (changes, message) in cases {
        let error = family(&changed("llama", changes)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

/// Of the kin only LLaMA, Qwen3 and SmolLM3 have biases by this setting; transformers builds the others without a look at it.
#[test]
fn biases_of_attention_are_the_familys() {
    let names = |kin: &str, key: &str| {
        let config = changed("llama", json!({"model_type": kin, "architectures": null, key: true}));
        family(&config).map(|family| {
            let layer = &family.layout.layers[0];
            let QkvNames::Separate { query, .. } = &layer.qkv else { panic!() };
            (query.bias.is_some(), layer.attention_output.bias.is_some(), layer.down.bias.is_some())
        })
    };
    for (kin, expected) in [
        ("llama", (true, true, false)),
        ("qwen3", (true, true, false)),
        ("smollm3", (true, true, false)),
        ("qwen2", (true, false, false)),
        ("mistral", (false, false, false)),
    ] {
        assert_eq!(names(kin, "attention_bias").unwrap(), expected, "{kin}");
    }
    assert_eq!(names("llama", "mlp_bias").unwrap(), (false, false, true));
    assert!(names("qwen2", "mlp_bias").unwrap_err().to_string().contains("`mlp_bias` = true"));
}

#[test]
fn names_of_one_setting_agree() {
    let error = family(&changed("gpt2", json!({"num_hidden_layers": 3}))).unwrap_err().to_string();
    assert!(error.contains("`n_layer` = 2; expected 3, the value of `num_hidden_layers`"), "{error}");
    assert!(family(&changed("gpt2", json!({"num_hidden_layers": 2}))).is_ok());
}

#[test]
fn kinds_of_layers_fit_the_window() {
    let config = |kin: &str, changes: Value| {
        let mut changes = changes;
        changes["model_type"] = kin.into();
        changes["architectures"] = Value::Null;
        family(&changed("llama", changes)).map(|family| windows_of(&family.config))
    };
    let mixed = json!(["full_attention", "sliding_attention"]);
    let on = json!({"layer_types": mixed, "use_sliding_window": true, "sliding_window": 5});
    for kin in ["qwen2", "qwen3", "smollm3"] {
        assert_eq!(config(kin, on.clone()).unwrap(), [None, Some(5)]);
    }
    let refused = [
        ("qwen2", json!({"layer_types": mixed, "sliding_window": 5})),
        ("llama", json!({"layer_types": mixed})),
        ("mistral", json!({"layer_types": mixed, "sliding_window": 5})),
        ("mistral", json!({"layer_types": ["full_attention", "full_attention"], "sliding_window": 5})),
        ("mistral", json!({"use_sliding_window": false, "sliding_window": 5})),
        ("qwen3", json!({"layer_types": ["full_attention"]})),
        ("qwen3", json!({"layer_types": ["full_attention", "linear_attention"]})),
    ];
    for (kin, changes) in refused {
        let error = config(kin, changes.clone()).unwrap_err().to_string();
        assert!(error.contains("; expected "), "{kin} {changes}: {error}");
    }
}
