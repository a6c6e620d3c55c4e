//! Metadata that change what a model computes: taken as llama.cpp takes them, or refused by name.
//! `data/tiny-gguf/make_scaled.py` made what is expected of other rotary frequencies.

use candle_core::quantized::gguf_file::Value;
use ft_engine::model::families::{Family, UnknownSettings, from_gguf};
use ft_engine::model::{ModelError, Tokenizer};

use crate::writer::{File, Tensor, string, texts};
use crate::{check, gguf, golden, logits_of, tiny};

fn family(file: &File, unknown: UnknownSettings) -> Result<Family, ModelError> {
    gguf(file.bytes()).and_then(|gguf| from_gguf("x.gguf", &gguf, unknown))
}

#[track_caller]
fn refused(file: &File, expected: &str) {
    let message = family(file, UnknownSettings::Refuse).expect_err("it is refused").to_string();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_factor_without_a_type_is_linear() {
    let linear = &golden("tiny-gguf/scaled.safetensors")["linear"];
    let plain = &golden("tiny-gguf/expected.safetensors")["logits"];
    let logits = |changes: &[(&str, Value)]| {
        let file =
            changes.iter().fold(tiny(), |file, (key, value)| file.with(&format!("llama.rope.{key}"), value.clone()));
        logits_of(&gguf(file.bytes()).unwrap())
    };
    let (four, kind) = (Value::F32(4.0), |kind: &str| string(kind));
    check(&logits(&[("scaling.factor", four.clone())]), linear);
    check(&logits(&[("scale_linear", four.clone())]), linear);
    check(&logits(&[("scaling.factor", four.clone()), ("scaling.type", kind("linear"))]), linear);
    check(&logits(&[("scale_linear", four.clone()), ("scaling.type", kind("linear"))]), linear);
    check(&logits(&[("scaling.factor", four.clone()), ("scaling.type", kind("none"))]), plain);
    check(&logits(&[("scaling.factor", Value::F32(1.0)), ("scaling.original_context_length", Value::U32(64))]), plain);
    check(&logits(&[("scaling.factor", Value::F32(0.0))]), plain);
    let [factor, older, scaling] = ["llama.rope.scaling.factor", "llama.rope.scale_linear", "llama.rope.scaling.type"];
    for other in ["yarn", "longrope", "su", "LINEAR"] {
        let file = tiny().with(factor, four.clone()).with(scaling, kind(other));
        refused(&file, &format!("`{scaling}` = {other}; expected none or linear"));
    }
    refused(&tiny().with(scaling, kind("linear")), "missing metadata `llama.rope.scaling.factor`");
    refused(
        &tiny().with(factor, four.clone()).with(older, Value::F32(2.0)),
        "`llama.rope.scale_linear` = 2; expected 4",
    );
    refused(&tiny().with(factor, Value::F32(-1.0)), "expected a number from 0 on");
    refused(&tiny().with(factor, Value::F32(f32::NAN)), "expected a number from 0 on");
    refused(&tiny().with(factor, string("4")), "`llama.rope.scaling.factor`: expected a real number, got a text");
}

#[test]
fn divisors_of_frequencies_are_used() {
    let golden = golden("tiny-gguf/scaled.safetensors");
    let divisors: Vec<f32> = golden["rope_freqs"].to_vec1().unwrap();
    let mut file = tiny();
    let data = divisors.iter().flat_map(|divisor| divisor.to_le_bytes()).collect();
    file.tensors.push(Tensor { name: "rope_freqs.weight".into(), shape: vec![2], kind: 0, data });
    check(&logits_of(&gguf(file.bytes()).unwrap()), &golden["llama3"]);
}

#[test]
fn what_is_not_known_is_refused_by_name_or_noted() {
    let strange = tiny()
        .with("llama.attention.temperature_scale", Value::F32(0.1))
        .with("llama.rope.freq_base_swa", Value::F32(10000.0))
        .with("qwen2.rope.freq_base", Value::F32(10000.0))
        .with("tokenizer.ggml.escape", Value::Bool(true));
    refused(
        &strange,
        "`x.gguf`: expected settings whose effect this host knows, got `llama.attention.temperature_scale` = 0.1",
    );
    refused(
        &strange,
        "`llama.rope.freq_base_swa` = 10000, `qwen2.rope.freq_base` = 10000, `tokenizer.ggml.escape` = true",
    );
    let noted = family(&strange, UnknownSettings::Note).unwrap().notes;
    assert!(noted.len() == 1 && noted[0].contains("`qwen2.rope.freq_base` = 10000"), "{noted:?}");
}

#[test]
fn what_says_nothing_new_is_taken() {
    let file = tiny()
        .with("general.type", string("model"))
        .with("general.sampling.temp", Value::F32(0.7))
        .with("general.quantization_version", Value::U32(2))
        .with("quantize.imatrix.entries_count", Value::I32(1))
        .with("tokenizer.chat_template.default", string("{{ x }}"))
        .with("tokenizer.ggml.eot_token_id", Value::U32(1))
        .with("tokenizer.ggml.add_sep_token", Value::Bool(false))
        .with("llama.expert_count", Value::U32(0))
        .with("llama.attention.causal", Value::Bool(true))
        .with("llama.attention.key_length", Value::U32(4))
        .with("llama.attention.value_length", Value::U32(4))
        .with("llama.attention.scale", Value::F32(0.5))
        .with("llama.attention.layer_norm_epsilon", Value::F32(1e-4))
        .with("llama.attention.head_count_kv", Value::Array(vec![Value::I32(3), Value::I32(3)]))
        .with("llama.logit_scale", Value::F32(1.0))
        .with("llama.use_parallel_residual", Value::Bool(false))
        .with("llama.tensor_data_layout", string("Meta AI original pth"));
    assert!(family(&file, UnknownSettings::Refuse).unwrap().notes.is_empty());
    check(&logits_of(&gguf(file.bytes()).unwrap()), &golden("tiny-gguf/expected.safetensors")["logits"]);
}

/// Whatever `--force` says.
#[test]
fn known_keys_with_other_values_are_refused() {
    for (key, value, expected) in [
        ("expert_count", Value::U32(8), "architecture `llama`, which is a mixture of experts"),
        ("attention.head_count", Value::U32(0), "`llama.attention.head_count` = 0; expected a number above 0"),
        ("rope.freq_base", Value::F32(0.0), "`llama.rope.freq_base` = 0; expected a number above 0"),
        ("rope.freq_base", Value::F32(f32::NAN), "`llama.rope.freq_base` = NaN; expected a number above 0"),
        ("attention.causal", Value::Bool(false), "`llama.attention.causal` = false; expected true"),
        ("pooling_type", Value::U32(3), "`llama.pooling_type` = 3; expected 0"),
        ("logit_scale", Value::F32(0.0625), "`llama.logit_scale` = 0.0625; expected 0 or 1"),
        ("embedding_scale", Value::F32(12.0), "`llama.embedding_scale` = 12"),
        ("residual_scale", Value::F32(0.22), "`llama.residual_scale` = 0.22"),
        ("attention.scale", Value::F32(0.25), "`llama.attention.scale` = 0.25; expected 0.5"),
        ("attn_logit_softcapping", Value::F32(50.0), "`llama.attn_logit_softcapping` = 50; expected 0"),
        ("final_logit_softcapping", Value::F32(30.0), "`llama.final_logit_softcapping` = 30; expected 0"),
        ("attention.max_alibi_bias", Value::F32(8.0), "`llama.attention.max_alibi_bias` = 8"),
        ("attention.clamp_kqv", Value::F32(8.0), "`llama.attention.clamp_kqv` = 8"),
        ("attention.value_length", Value::U32(8), "`llama.attention.value_length` = 8; expected 4"),
        (
            "attention.layer_norm_epsilon",
            Value::F32(1e-5),
            "`llama.attention.layer_norm_epsilon` = 0.00001; expected 0.0001",
        ),
        ("rope.scaling.attn_factor", Value::F32(1.19), "`llama.rope.scaling.attn_factor` = 1.19"),
        ("rope.scaling.yarn_log_multiplier", Value::F32(0.1), "`llama.rope.scaling.yarn_log_multiplier` = 0.1"),
        ("use_parallel_residual", Value::Bool(true), "`llama.use_parallel_residual` = true; expected false"),
        ("tensor_data_layout", string("transposed"), "`llama.tensor_data_layout` = transposed"),
        (
            "feed_forward_length",
            Value::Array(vec![Value::I32(32), Value::I32(16)]),
            "the same number for each of the 2",
        ),
    ] {
        let file = tiny().with(&format!("llama.{key}"), value);
        refused(&file, expected);
        assert!(family(&file, UnknownSettings::Note).is_err(), "{key}");
    }
    refused(&tiny().with("general.type", string("adapter")), "`general.type` = adapter; expected `model`");
    refused(&tiny().with("general.quantization_version", Value::U32(1)), "`general.quantization_version` = 1");
    // Experts are told as that, whatever else is not known of them.
    let experts = tiny().with("llama.expert_count", Value::U32(8)).with("llama.expert_gating_func", Value::U32(2));
    refused(&experts, "a mixture of experts");
}

#[test]
fn settings_of_other_tokenizers_are_refused() {
    let refused = |file: File, expected: &str| {
        let error = gguf(file.bytes()).and_then(|gguf| Tokenizer::from_gguf(&gguf)).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    for key in ["add_sep_token", "remove_extra_whitespaces", "normalizer.lowercase", "add_space_prefix"] {
        let key = format!("tokenizer.ggml.{key}");
        refused(tiny().with(&key, Value::Bool(true)), &format!("`{key}` = true; expected false"));
        refused(tiny().with(&key, Value::U8(1)), &format!("`{key}`: expected a truth value, got a whole number"));
    }
    let map = Value::Array(vec![Value::U8(0); 8]);
    refused(tiny().with("tokenizer.ggml.precompiled_charsmap", map), "= 8 bytes; expected none");
    refused(
        tiny().with("tokenizer.ggml.pre", string("kimi-k2")),
        "`tokenizer.ggml.pre` = kimi-k2; expected one of default",
    );
    refused(tiny().with("tokenizer.ggml.model", string("bert")), "expected gpt2");
    refused(tiny().with("tokenizer.ggml.tokens", texts(["a", "b", "a"])), "duplicate token `a`: 0 and 2");
    refused(
        tiny().with("tokenizer.ggml.token_type", Value::Array(vec![Value::I32(1)])),
        "expected the types of 267 tokens, got 1",
    );
    let bos = tiny().with("tokenizer.ggml.add_bos_token", Value::Bool(true));
    refused(bos.with("tokenizer.ggml.bos_token_id", Value::U32(999)), "expected a token below 267, got 999");
}

#[test]
fn a_token_that_is_to_end_texts_is_left_out_and_noted() {
    let tokenizer = |file: File| Tokenizer::from_gguf(&gguf(file.bytes()).unwrap()).unwrap();
    let plain = tokenizer(tiny()).encode_with_special("the 12").unwrap();
    let around = tiny()
        .with("tokenizer.ggml.add_bos_token", Value::Bool(true))
        .with("tokenizer.ggml.add_eos_token", Value::Bool(true))
        .with("tokenizer.ggml.eos_token_id", Value::U32(0));
    let tokenizer_around = tokenizer(around);
    assert_eq!(tokenizer_around.encode_with_special("the 12").unwrap(), [&[1], plain.as_slice()].concat());
    assert!(tokenizer_around.notes().iter().any(|note| note.contains("token 0 behind a text")));
    let nameless = tiny().with("tokenizer.ggml.add_eos_token", Value::Bool(true));
    let error = Tokenizer::from_gguf(&gguf(nameless.bytes()).unwrap()).err().unwrap().to_string();
    assert!(error.contains("missing metadata `tokenizer.ggml.eos_token_id`"), "{error}");
}
