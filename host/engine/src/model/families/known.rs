//! What is known of settings and architectures besides what a family asks for: settings that change nothing that a forward
//! pass computes, values that say that something is off, and what other models are.

use serde_json::Value;

/// Settings of training, generation, caching, number formats, labels and bookkeeping. Whatever their value is, the logits
/// of a pass in f32 are the same.
const HARMLESS: &[&str] = &[
    // Bookkeeping.
    "architectures",
    "model_type",
    "transformers_version",
    "name_or_path",
    "tokenizer_class",
    "prefix",
    "finetuning_task",
    "problem_type",
    "task_specific_params",
    "id2label",
    "label2id",
    "num_labels",
    "keys_to_ignore_at_inference",
    "is_llama_config",
    "transformers.js_config",
    "unsloth_version",
    "unsloth_fixed",
    "unsloth_training_args",
    "model_name",
    "license",
    "pad_vocab_size_multiple",
    // Token ids.
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "unk_token_id",
    "sep_token_id",
    "cls_token_id",
    "mask_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    // Number formats and implementations.
    "torch_dtype",
    "dtype",
    "use_bfloat16",
    "torchscript",
    "attn_implementation",
    "use_flash_attn",
    "use_flash_attention",
    "use_flash_attention_2",
    "flash_attention",
    "use_cache",
    "cache_implementation",
    "chunk_size_feed_forward",
    "pretraining_tp",
    "tensor_parallel_size",
    "reorder_and_upcast_attn",
    "attention_softmax_in_fp32",
    "masked_softmax_fusion",
    "bias_dropout_fusion",
    "skip_bias_add",
    "skip_bias_add_qkv",
    "offset_alibi",
    "seq_length",
    "use_return_dict",
    "return_dict",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "return_dict_in_generate",
    "tie_encoder_decoder",
    "is_decoder",
    "max_sequence_length",
    "model_max_length",
    "tokenizer_model_max_length",
    "tokenizer_padding_side",
    "n_ctx",
    "rotary",
    // Says nothing where the window is off, and is asked for where it is on.
    "max_window_layers",
    // Training.
    "initializer_range",
    "init_std",
    "initializer_factor",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "hidden_dropout",
    "hidden_dropout_prob",
    "activation_dropout",
    "classifier_dropout",
    "classifier_dropout_prob",
    "dropout",
    "attn_pdrop",
    "embd_pdrop",
    "resid_pdrop",
    "embed_dropout",
    "resid_dropout",
    "layerdrop",
    "gradient_checkpointing",
    "tf_legacy_loss",
    "neftune_noise_alpha",
    "loss_type",
    // Heads of other tasks.
    "summary_type",
    "summary_use_proj",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_first_dropout",
    // Generation.
    "max_length",
    "max_new_tokens",
    "min_length",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "diversity_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "repetition_penalty",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "num_return_sequences",
    "remove_invalid_values",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
    "generation_config",
];

/// Settings that say with this value that something is not there, or that nothing is multiplied.
const OFF: &[(&str, &[&str])] = &[
    ("add_cross_attention", &["false"]),
    ("is_encoder_decoder", &["false"]),
    ("pruned_heads", &["{}"]),
    ("use_sliding_window", &["false"]),
    ("use_mrope", &["false"]),
    ("use_qk_norm", &["false"]),
    ("qk_norm", &["false"]),
    ("qk_layernorm", &["false"]),
    ("attn_logit_softcapping", &["0", "0.0", "false"]),
    ("final_logit_softcapping", &["0", "0.0", "false"]),
    ("embedding_multiplier", &["1", "1.0"]),
    ("attention_multiplier", &["1", "1.0"]),
    ("residual_multiplier", &["1", "1.0"]),
    ("logits_scaling", &["1", "1.0"]),
    ("logit_scale", &["1", "1.0"]),
    ("scale_embedding", &["false"]),
    ("scale_embeddings", &["false"]),
    ("learned_embeddings", &["true"]),
    ("scale_attn_weights", &["true"]),
    ("rope_interleaved", &["false"]),
    ("rope_ratio", &["1", "1.0"]),
    ("partial_rotary_factor", &["1", "1.0"]),
    ("attention_bias", &["false"]),
    ("mlp_bias", &["false"]),
    ("lm_head_bias", &["false"]),
    ("use_bias", &["false"]),
    ("num_experts", &["0", "1"]),
    ("num_local_experts", &["0", "1"]),
    ("n_routed_experts", &["0", "1"]),
    ("n_shared_experts", &["0"]),
    ("num_nextn_predict_layers", &["0"]),
    ("output_router_logits", &["false"]),
    ("alibi", &["false"]),
    ("parallel_attn", &["false"]),
    ("use_moe", &["false"]),
];

/// Settings that change nothing in one family, where it has not asked for them: a window's width where a switch says that
/// there is none.
const HARMLESS_IN: &[(&str, &[&str])] = &[
    // Qwen2 and Mistral add biases to queries, keys and values or to nothing, whatever their configuration says of attention.
    ("qwen2", &["attention_bias", "sliding_window"]),
    ("qwen3", &["sliding_window"]),
    // What `no_rope_layers` says goes before the interval.
    ("smollm3", &["sliding_window", "no_rope_layer_interval"]),
    ("mistral", &["attention_bias"]),
    // What `attention_layers` says goes before it.
    ("gpt_neo", &["attention_types"]),
];

/// Whether a setting that no family asked for changes nothing of what is computed.
pub(super) fn is_harmless(family: &str, key: &str, value: &Value) -> bool {
    let listed = |list: &[(&str, &[&str])], item: &str, of: &str| {
        list.iter().any(|(name, items)| *name == of && items.contains(&item))
    };
    HARMLESS.contains(&key)
        // Private names, like `_attn_implementation`. The one that matters, OPT's, is asked for.
        || key.starts_with('_')
        || listed(OFF, &value.to_string(), key)
        || listed(HARMLESS_IN, key, family)
        || (key == "layer_types" && all_full(value))
        || (key == "auto_map" && !names_model_code(value))
}

fn all_full(kinds: &Value) -> bool {
    kinds.as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind == "full_attention"))
}

/// Whether `auto_map` brings the model's own code, and not only its tokenizer's or configuration's.
fn names_model_code(map: &Value) -> bool {
    map.as_object().is_none_or(|map| map.keys().any(|name| name.starts_with("AutoModel")))
}

/// The settings that count the experts of a layer.
pub(super) const EXPERTS: [&str; 5] =
    ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_tok"];

/// What models are that this host does not run.
const KINDS: &[(&str, &[&str])] = &[
    (
        "a mixture of experts",
        &[
            "mixtral",
            "qwen2_moe",
            "qwen3_moe",
            "qwen3_next",
            "olmoe",
            "flex_olmo",
            "deepseek_v2",
            "deepseek_v3",
            "dbrx",
            "jamba",
            "phimoe",
            "granitemoe",
            "granitemoeshared",
            "granitemoehybrid",
            "gpt_oss",
            "jetmoe",
            "arctic",
            "ernie4_5_moe",
            "glm4_moe",
            "hunyuan_v1_moe",
            "minimax",
            "dots1",
            "grok-1",
            "switch_transformers",
            "nllb-moe",
            "bailing_moe",
            "lfm2_moe",
        ],
    ),
    (
        "an encoder-decoder",
        &[
            "t5",
            "mt5",
            "umt5",
            "byt5",
            "longt5",
            "bart",
            "mbart",
            "pegasus",
            "pegasus_x",
            "marian",
            "led",
            "m2m_100",
            "blenderbot",
            "blenderbot-small",
            "plbart",
            "prophetnet",
            "bigbird_pegasus",
            "fsmt",
            "whisper",
            "speech_to_text",
            "encoder-decoder",
            "t5gemma",
        ],
    ),
    (
        "an encoder",
        &[
            "bert",
            "roberta",
            "xlm-roberta",
            "distilbert",
            "albert",
            "electra",
            "deberta",
            "deberta-v2",
            "modernbert",
            "camembert",
            "mpnet",
            "nomic_bert",
            "longformer",
            "big_bird",
            "xlnet",
            "xlm",
            "funnel",
            "esm",
        ],
    ),
    (
        "a state-space or recurrent model",
        &[
            "mamba",
            "mamba2",
            "falcon_mamba",
            "rwkv",
            "rwkv5",
            "rwkv6",
            "rwkv7",
            "recurrent_gemma",
            "zamba",
            "zamba2",
            "bamba",
            "falcon_h1",
            "nemotron_h",
            "xlstm",
            "retnet",
            "lfm2",
        ],
    ),
    (
        "a multimodal model",
        &[
            "llava",
            "llava_next",
            "llava_onevision",
            "vipllava",
            "mllama",
            "llama4",
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen3_vl",
            "qwen3_vl_moe",
            "qwen2_5_omni",
            "qwen2_audio",
            "idefics",
            "idefics2",
            "idefics3",
            "smolvlm",
            "paligemma",
            "gemma3",
            "gemma3n",
            "pixtral",
            "mistral3",
            "internvl",
            "internvl_chat",
            "phi3_v",
            "phi4_multimodal",
            "blip-2",
            "instructblip",
            "fuyu",
            "kosmos-2",
            "chameleon",
            "molmo",
            "ovis",
            "aya_vision",
            "cohere2_vision",
            "glm4v",
            "vision-encoder-decoder",
            "clip",
            "siglip",
        ],
    ),
    ("an adapter", &["peft"]),
];

/// What a `model_type` that no family covers is, where it is known.
pub(super) fn kind_of(model_type: &str) -> Option<&'static str> {
    KINDS.iter().find(|(_, types)| types.contains(&model_type)).map(|(kind, _)| *kind)
}
