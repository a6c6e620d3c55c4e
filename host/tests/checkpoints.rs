//! Checkpoints held to their configuration by their headers: quantized ones, tensors that nothing uses, tied heads, and
//! headers that say a thing twice.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use ft_engine::model::checkpoint::{self, Unused};
use ft_engine::model::decoder::{Batch, Placement, TokenTree};
use ft_engine::model::families::{Family, UnknownSettings, from_config_json};
use ft_engine::model::weights::{Arrays, Fp8, ScaleForm, Scaled, TensorSource, Unwrapped, WeightBytes, WeightFormat};
use ft_engine::model::{Context, Decoder, ModelError};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

const F32: Placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };

/// A tensor of a file to be made.
#[derive(Clone)]
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn floats(name: &str, shape: &[usize], numbers: &[f32]) -> Tensor {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Tensor { name: name.into(), dtype: Dtype::F32, shape: shape.to_vec(), bytes }
}

fn zeros(name: &str, shape: &[usize]) -> Tensor {
    floats(name, shape, &vec![0.0; shape.iter().product()])
}

fn file(tensors: &[Tensor]) -> Vec<u8> {
    fn view(tensor: &Tensor) -> TensorView<'_> {
        TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap()
    }
    safetensors::serialize(tensors.iter().map(|tensor| (tensor.name.as_str(), view(tensor))), None).unwrap()
}

fn arrays(bytes: Vec<u8>) -> Result<Arrays, ModelError> {
    let bytes: WeightBytes = Arc::new(bytes);
    Arrays::new(vec![("w".into(), bytes)])
}

/// A tiny model of a family: its configuration and its tensors.
fn tiny(family: &str) -> (Value, Vec<Tensor>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
    let config = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = parsed.tensors().into_iter().map(|(name, view)| Tensor {
        name,
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    });
    (config, tensors.collect())
}

fn family(config: &Value) -> Result<Family, ModelError> {
    from_config_json("config.json", config.to_string().as_bytes(), UnknownSettings::Refuse)
}

fn unused(config: &Value, tensors: &[Tensor]) -> Result<Vec<Unused>, ModelError> {
    checkpoint::check(&family(config)?, &arrays(file(tensors))?)
}

/// The logits of a few tokens, or why there are none.
fn logits(config: &Value, tensors: &[Tensor]) -> Result<Vec<f32>, ModelError> {
    logits_of(family(config)?, &arrays(file(tensors))?)
}

fn logits_of(family: Family, source: &dyn TensorSource) -> Result<Vec<f32>, ModelError> {
    let decoder = Decoder::load(family.config, &family.layout, source, &F32)?;
    let trees = [TokenTree::chain(&[3, 4, 5])];
    let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[2]))?;
    Ok(decoder.logits(&output.hidden_states)?.flatten_all()?.to_vec1()?)
}

#[test]
fn tensors_that_nothing_uses_are_told_apart() {
    let cases: [(&str, &str, &[usize], &str, bool); 25] = [
        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq", &[4], "rotary table", true),
        ("gpt2", "transformer.h.0.attn.bias", &[1, 1, 4, 4], "attention mask", true),
        ("gpt2", "h.1.attn.masked_bias", &[], "attention mask", true),
        ("gpt_neox", "gpt_neox.layers.0.attention.bias", &[1, 1, 4, 4], "attention mask", true),
        ("llama", "model.position_ids", &[1, 4], "positions", true),
        ("llama", "score.weight", &[2, 32], "head of another task", true),
        ("llama", "v_head.summary.weight", &[1, 32], "head of another task", true),
        ("llama", "model.layers.0.mlp.up_proj.weight_scale", &[1], "scales or zero points", false),
        ("llama", "model.layers.0.mlp.up_proj.weight_scale_inv", &[1, 1], "scales or zero points", false),
        ("llama", "model.layers.0.mlp.up_proj.input_scale", &[], "scales or zero points", false),
        ("llama", "model.layers.0.mlp.up_proj.weight_zero_point", &[1], "scales or zero points", false),
        ("llama", "model.layers.0.mlp.up_proj.qweight", &[4, 4], "packed quantized weights", false),
        (
            "llama",
            "model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4",
            &[4],
            "packed quantized weights",
            false,
        ),
        ("llama", "model.layers.0.self_attn.q_proj.lora_A.weight", &[4, 32], "adapters", false),
        (
            "llama",
            "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight",
            &[32, 4],
            "adapters",
            false,
        ),
        ("llama", "model.layers.0.self_attn.q_proj.bias", &[32], "biases that the configuration does not have", false),
        ("gpt2", "transformer.h.0.attn.bias", &[32], "biases that the configuration does not have", false),
        ("llama", "model.layers.0.self_attn.q_norm.weight", &[8], "norms that the model does not have", false),
        (
            "llama",
            "model.layers.1.post_feedforward_layernorm.weight",
            &[32],
            "norms that the model does not have",
            false,
        ),
        ("llama", "model.layers.2.input_layernorm.weight", &[32], "layers beyond the configuration's", false),
        ("llama", "model.layers.2.eh_proj.weight", &[32, 64], "heads that predict further tokens", false),
        ("llama", "model.layers.0.block_sparse_moe.experts.0.w1.weight", &[4, 4], "experts", false),
        ("llama", "model.layers.0.mlp.gate.weight", &[8, 32], "experts", false),
        ("llama", "vision_tower.patch_embed.weight", &[4, 4], "another modality", false),
        ("llama", "something.else", &[4], "no known use", false),
    ];
    for (family, name, shape, kind, harmless) in cases {
        let (config, mut tensors) = tiny(family);
        assert_eq!(unused(&config, &tensors).unwrap(), [], "{family}");
        tensors.push(zeros(name, shape));
        let expected = Unused { name: name.into(), kind, harmless };
        assert_eq!(unused(&config, &tensors).unwrap(), [expected]);
    }
}

#[test]
fn what_is_unused_is_counted_and_named_by_kind() {
    let (config, mut tensors) = tiny("llama");
    for layer in 0..2 {
        for (name, end) in [("q_proj", "bias"), ("k_proj", "bias"), ("q_norm", "weight")] {
            tensors.push(zeros(&format!("model.layers.{layer}.self_attn.{name}.{end}"), &[8]));
        }
    }
    let message = checkpoint::refusal(&unused(&config, &tensors).unwrap(), "w").to_string();
    assert_eq!(
        message,
        "`w` has 6 tensors that the model does not use: `model.layers.0.self_attn.k_proj.bias`, \
         `model.layers.0.self_attn.q_proj.bias` and 2 more (biases that the configuration does not have), \
         `model.layers.0.self_attn.q_norm.weight`, `model.layers.1.self_attn.q_norm.weight` (norms that the model does not have)"
    );
}

/// A packed matrix has another name, and so the one that is asked for is missing; the message is about what is there.
#[test]
fn weights_in_another_form_are_told_as_that() {
    let replaced = |by: &[(&str, &[usize])]| {
        let (config, mut tensors) = tiny("llama");
        tensors.retain(|tensor| tensor.name != "model.layers.0.mlp.up_proj.weight");
        tensors.extend(by.iter().map(|(end, shape)| zeros(&format!("model.layers.0.mlp.up_proj.{end}"), shape)));
        unused(&config, &tensors).unwrap_err().to_string()
    };
    assert_eq!(replaced(&[]), "tensor `model.layers.0.mlp.up_proj.weight` is not in `w`");
    let gptq = replaced(&[("qweight", &[4, 64]), ("qzeros", &[1, 8]), ("scales", &[1, 64]), ("g_idx", &[32])]);
    assert_eq!(
        gptq,
        "`w`: the weights are quantized by a method that `config.json` does not name (`model.layers.0.mlp.up_proj.g_idx`); \
         expected plain weights, or FP8 with its scales"
    );
    let adapter = replaced(&[("base_layer.weight", &[80, 32]), ("lora_A.default.weight", &[4, 32])]);
    assert!(
        adapter.starts_with(
            "`w` has 2 tensors that the model does not use: `model.layers.0.mlp.up_proj.base_layer.weight`"
        )
    );
    // Integers under the name of a matrix are no weights.
    let (config, mut tensors) = tiny("llama");
    let up = tensors.iter_mut().find(|tensor| tensor.name == "model.layers.0.mlp.up_proj.weight").unwrap();
    (up.dtype, up.bytes) = (Dtype::I8, vec![1; up.bytes.len() / 4]);
    let integers = unused(&config, &tensors).unwrap_err().to_string();
    assert!(integers.contains("tensor `model.layers.0.mlp.up_proj.weight` has dtype I8"), "{integers}");
}

/// What all names begin with is a training program's, and is read past, or something else, and is named.
#[test]
fn a_prefix_that_all_tensors_have_is_taken_off_or_named() {
    let (config, tensors) = tiny("llama");
    let under = |wrapper: &str| {
        let named = |tensor: &Tensor| Tensor { name: format!("{wrapper}{}", tensor.name), ..tensor.clone() };
        arrays(file(&tensors.iter().map(named).collect::<Vec<_>>())).unwrap()
    };
    let expected = logits(&config, &tensors).unwrap();
    for wrapper in ["_orig_mod.", "module.", "module._orig_mod."] {
        let (source, found) = Unwrapped::of(Box::new(under(wrapper)));
        assert_eq!(found.as_deref(), Some(wrapper));
        let family = family(&config).unwrap();
        assert_eq!(checkpoint::check(&family, source.as_ref()).unwrap(), [], "{wrapper}");
        assert_eq!(logits_of(family, source.as_ref()).unwrap(), expected, "{wrapper}");
    }
    for wrapper in ["base_model.model.", "a.b.c."] {
        let (source, found) = Unwrapped::of(Box::new(under(wrapper)));
        assert_eq!(found, None);
        let error = checkpoint::check(&family(&config).unwrap(), source.as_ref()).unwrap_err();
        let told = format!(
            "`w`: expected tensor `model.embed_tokens.weight`, got it under `{wrapper}`, as all tensors of the checkpoint are"
        );
        assert_eq!(error.to_string(), told);
        assert!(error.hint().unwrap().contains("`merge_and_unload`"));
    }
}

#[test]
fn a_tied_model_may_store_its_head_alone() {
    let (mut config, tensors) = tiny("llama");
    config["tie_word_embeddings"] = true.into();
    let embedding = tensors.iter().find(|tensor| tensor.name == "model.embed_tokens.weight").unwrap().clone();
    let tied: Vec<Tensor> = tensors.into_iter().filter(|tensor| tensor.name != "lm_head.weight").collect();
    let expected = logits(&config, &tied).unwrap();
    let head = Tensor { name: "lm_head.weight".into(), ..embedding };
    // Alone.
    let mut renamed = tied.clone();
    renamed.retain(|tensor| tensor.name != "model.embed_tokens.weight");
    renamed.push(head.clone());
    assert_eq!(unused(&config, &renamed).unwrap(), []);
    assert_eq!(logits(&config, &renamed).unwrap(), expected);
    // Once more.
    let mut both = tied;
    both.push(head);
    assert_eq!(unused(&config, &both).unwrap(), []);
    assert_eq!(logits(&config, &both).unwrap(), expected);
    // With another number.
    both.last_mut().unwrap().bytes[..4].copy_from_slice(&1f32.to_le_bytes());
    let error = logits(&config, &both).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`w` has `lm_head.weight` with other numbers than `model.embed_tokens.weight`, and the model's configuration ties \
         them (`tie_word_embeddings`)"
    );
    assert!(error.hint().unwrap().contains("`tie_word_embeddings`"));
}

#[test]
fn numbers_that_are_none_are_told_by_their_tensor() {
    let (config, tensors) = tiny("gpt2");
    for (name, number) in [("transformer.h.1.mlp.c_fc.weight", f32::NAN), ("transformer.ln_f.bias", f32::INFINITY)] {
        let mut damaged = tensors.clone();
        let tensor = damaged.iter_mut().find(|tensor| tensor.name == name).unwrap();
        tensor.bytes[8..12].copy_from_slice(&number.to_le_bytes());
        assert_eq!(
            logits(&config, &damaged).unwrap_err().to_string(),
            format!("tensor `{name}` in `w` has NaN or infinity")
        );
    }
    let source = arrays(file(&[floats("x", &[2], &[1.0, 1e6])])).unwrap();
    assert!(source.tensor("x", &[2], DType::BF16, &Device::Cpu).is_ok());
    let error = source.tensor("x", &[2], DType::F16, &Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "tensor `x` in `w` has numbers that f16 cannot hold");
}

#[test]
fn a_header_names_a_tensor_once() {
    let header = r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(1f32.to_le_bytes());
    let error = arrays(bytes).err().unwrap().to_string();
    assert!(error.contains("expected the key `x` once in an object, got it twice"), "{error}");
    let config = br#"{"model_type": "llama", "rope_theta": 1, "rope_theta": 2}"#;
    let error = from_config_json("config.json", config, UnknownSettings::Note).unwrap_err().to_string();
    assert!(error.contains("expected the key `rope_theta` once"), "{error}");
}

#[test]
fn methods_of_quantization_are_named() {
    let compressed = |weights: Value, format: &str| json!({"quant_method": "compressed-tensors", "format": format, "config_groups": {"group_0": {"weights": weights}}});
    let float8 = |strategy: &str| json!({"num_bits": 8, "type": "float", "symmetric": true, "strategy": strategy});
    let cases = [
        (json!({"quant_method": "gptq", "bits": 4, "group_size": 128}), "`gptq` in 4 bit"),
        (json!({"quant_method": "awq", "bits": 4, "zero_point": true}), "`awq` in 4 bit"),
        (
            json!({"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false}),
            "`bitsandbytes` in 4 bit",
        ),
        (json!({"load_in_8bit": true}), "`bitsandbytes` in 8 bit"),
        (json!({"quant_method": "aqlm", "nbits_per_codebook": 16}), "`aqlm`"),
        (json!({"quant_method": "hqq", "quant_config": {}}), "`hqq`"),
        (json!({"quant_method": "eetq"}), "`eetq`"),
        (json!({"quant_method": "quanto", "weights": "int8"}), "`quanto`"),
        (json!({"quant_method": "torchao"}), "`torchao`"),
        (json!({"quant_method": "mxfp4"}), "`mxfp4`"),
        (json!({"quant_method": "fbgemm_fp8"}), "`fbgemm_fp8`"),
        (json!({"quant_method": "exl2", "bits": 4.25}), "`exl2` in 4.25 bit"),
        (json!({"quant_algo": "NVFP4"}), "`NVFP4`"),
        (json!({"quant_method": "next-year's"}), "`next-year's`"),
        (json!({"some": 1}), "`an unnamed method`"),
        (json!("int4"), "a method that is no object of settings, \"int4\""),
        (json!({"quant_method": "fp8", "weight_block_size": [0, 1]}), "`fp8` with `weight_block_size` = [0,1]"),
        (json!({"quant_method": "fp8", "fmt": "e3m4"}), "`fp8` with `fmt` = \"e3m4\""),
        (
            compressed(json!({"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}), "pack-quantized"),
            "`compressed-tensors`, format `pack-quantized` of type `int` in 4 bit",
        ),
        (
            compressed(json!({"num_bits": 8, "type": "int", "strategy": "channel"}), "int-quantized"),
            "`compressed-tensors`, format `int-quantized` of type `int` in 8 bit",
        ),
        (
            compressed(json!({"num_bits": 4, "type": "float", "strategy": "group"}), "nvfp4-pack-quantized"),
            "`compressed-tensors`, format `nvfp4-pack-quantized` of type `float` in 4 bit",
        ),
        (compressed(float8("tensor_group"), "float-quantized"), "strategy `tensor_group` of FP8"),
        (json!({"quant_method": "compressed-tensors", "format": "float-quantized"}), "without `config_groups`"),
    ];
    let (mut config, _) = tiny("llama");
    for (method, named) in cases {
        config["quantization_config"] = method.clone();
        for unknown in [UnknownSettings::Refuse, UnknownSettings::Note] {
            let error = from_config_json("c", config.to_string().as_bytes(), unknown).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("`c`: the weights are quantized by "), "{message}");
            assert!(message.contains(named) && message.contains("(`quantization_config`)"), "{message}");
            assert!(error.hint().unwrap().contains("original weights"));
        }
    }
    for plain in
        [Value::Null, json!({}), json!({"quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": false})]
    {
        config["quantization_config"] = plain;
        assert_eq!(family(&config).unwrap().fp8, None);
    }
    let forms = |method: Value| {
        let (mut config, _) = tiny("llama");
        config["quantization_config"] = method;
        family(&config).unwrap().fp8.unwrap().forms
    };
    let block = ScaleForm::Block { rows: 128, columns: 64 };
    assert_eq!(forms(json!({"quant_method": "fp8", "weight_block_size": [128, 64]})), [block]);
    assert_eq!(forms(json!({"quant_method": "fp8"})), [ScaleForm::Tensor, ScaleForm::Channel]);
    assert_eq!(forms(compressed(float8("channel"), "float-quantized")), [ScaleForm::Channel]);
    // MLX names its method by the setting alone.
    let (mut config, _) = tiny("llama");
    config["quantization"] = json!({"group_size": 64, "bits": 4});
    let error = family(&config).unwrap_err().to_string();
    assert!(error.contains("quantized by `mlx` in 4 bit (`quantization`)"), "{error}");
    // What else the method says is a setting like any other.
    config["quantization"] = Value::Null;
    config["quantization_config"] = json!({"quant_method": "fp8", "rotation": "hadamard"});
    let error = family(&config).unwrap_err().to_string();
    assert!(error.contains("`quantization_config.rotation` = \"hadamard\""), "{error}");
}

#[test]
fn scales_have_to_fit() {
    let weights = Tensor {
        name: "x".into(),
        dtype: Dtype::F8_E4M3,
        shape: vec![2, 3],
        bytes: vec![0x38, 0x40, 0xb8, 0x30, 0, 0x38],
    };
    let check = |forms: &[ScaleForm], scales: &[Tensor]| {
        let all = [std::slice::from_ref(&weights), scales].concat();
        let source = Scaled::new(arrays(file(&all)).unwrap(), Fp8 { forms: forms.to_vec() });
        let read = source.tensor("x", &[2, 3], DType::F32, &Device::Cpu).map_err(|error| error.to_string())?;
        Ok::<Vec<f32>, String>(read.flatten_all().unwrap().to_vec1().unwrap())
    };
    // 1, 2, -1; 0.5, 0, 1.
    let (tensor, channel) = (ScaleForm::Tensor, ScaleForm::Channel);
    let block = ScaleForm::Block { rows: 1, columns: 2 };
    let scale = |name: &str, shape: &[usize], numbers: &[f32]| [floats(name, shape, numbers)];
    let all = Ok(vec![3.0, 6.0, -3.0, 1.5, 0.0, 3.0]);
    for shape in [&[][..], &[1], &[1, 1]] {
        assert_eq!(check(&[tensor], &scale("x_scale", shape, &[3.0])), all);
        assert_eq!(check(&[channel, tensor], &scale("x_scale_inv", shape, &[3.0])), all);
    }
    let rows = Ok(vec![3.0, 6.0, -3.0, 2.0, 0.0, 4.0]);
    assert_eq!(check(&[tensor, channel], &scale("x_scale", &[2], &[3.0, 4.0])), rows);
    assert_eq!(check(&[channel], &scale("x_scale", &[2, 1], &[3.0, 4.0])), rows);
    let blocks = Ok(vec![1.0, 2.0, -2.0, 1.5, 0.0, 4.0]);
    assert_eq!(check(&[block], &scale("x_scale_inv", &[2, 2], &[1.0, 2.0, 3.0, 4.0])), blocks);
    let misfit = check(&[block], &scale("x_scale_inv", &[2, 3], &[1.0; 6])).unwrap_err();
    assert!(
        misfit.ends_with(
            "expected one scale for each 1 x 2 numbers of `x` of shape [2, 3], got `x_scale_inv` of shape [2, 3]"
        ),
        "{misfit}"
    );
    assert!(check(&[tensor], &scale("x_scale", &[2], &[1.0; 2])).is_err());
    assert!(check(&[channel], &scale("x_scale", &[1], &[1.0])).is_err());
    let none = check(&[tensor], &[]).unwrap_err();
    assert!(none.ends_with("expected `x_scale_inv` or `x_scale` beside `x`, got neither"), "{none}");
    let both = [scale("x_scale", &[1], &[1.0]), scale("x_scale_inv", &[1], &[1.0])].concat();
    assert!(check(&[tensor], &both).unwrap_err().ends_with("got both"));
    let not_finite = check(&[tensor], &scale("x_scale", &[1], &[f32::NAN])).unwrap_err();
    assert_eq!(not_finite, "tensor `x` in `w` has NaN or infinity");
}
