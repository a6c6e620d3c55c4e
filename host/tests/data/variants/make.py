"""Writes tiny models with random weights and what PyTorch gives for them: one folder per variant beside this file.

A folder holds config.json, weights, and golden.safetensors with demo_ids, query_ids, plain_logits, step{t}_k, step{t}_v
and step{t}_query_logits, in f32 on the CPU with eager attention; step size 0.01, momentum 0.9. Made with
torch 2.15, transformers 4.57.6, safetensors 0.8, gguf 0.19:

    python3 -m venv venv && venv/bin/pip install torch 'transformers>=4.57,<5' safetensors gguf numpy
    venv/bin/python host/tests/data/variants/make.py [variant ...]
"""
import json
import shutil
import sys
from pathlib import Path

import gguf
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.modeling_utils import no_init_weights

HERE = Path(__file__).parent
VOCABULARY, DEMONSTRATIONS, QUERY, STEPS = 64, 17, 5, 3
STEP_SIZE, MOMENTUM = 0.01, 0.9


def llama(**settings):
    return dict(model_type="llama", hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True) | settings


def opt(**settings):
    return dict(model_type="opt", hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
                max_position_embeddings=64, word_embed_proj_dim=32, pad_token_id=1) | settings


def gpt2(**settings):
    return dict(model_type="gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=64) | settings


def gpt_neo(**settings):
    return dict(model_type="gpt_neo", hidden_size=32, num_layers=2, num_heads=4, intermediate_size=48,
                max_position_embeddings=64, window_size=5, attention_types=[[["local"], 1], [["global"], 1]]) | settings


def gptj(**settings):
    return dict(model_type="gptj", n_embd=32, n_layer=2, n_head=2, n_positions=64, n_inner=48, rotary_dim=8) | settings


def gpt_neox(**settings):
    return dict(model_type="gpt_neox", hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                intermediate_size=48, max_position_embeddings=64) | settings


def bloom(**settings):
    return dict(model_type="bloom", hidden_size=32, n_layer=2, n_head=4) | settings


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)


# What each writes besides golden.safetensors: "safetensors", "sharded", "pickle", "sharded-pickle", "old-pickle", "gguf".
VARIANTS = {
    # As OPT-350m: norms after the sums, a narrower embedding.
    "opt_350m": (opt(do_layer_norm_before=False, word_embed_proj_dim=16), ["safetensors"]),
    "opt_bare": (opt(enable_bias=False, layer_norm_elementwise_affine=False, _remove_final_layer_norm=True,
                     activation_function="gelu"), ["safetensors"]),
    "gpt2_scaled": (gpt2(scale_attn_by_inverse_layer_idx=True, scale_attn_weights=False, n_inner=40), ["safetensors"]),
    # As the hub's first: no prefix, masks among the weights, written before PyTorch 1.6.
    "gpt2_old": (gpt2(n_layer=1), ["old-pickle"]),
    "gpt_neo_window": (gpt_neo(), ["safetensors"]),
    "gptj_tied": (gptj(tie_word_embeddings=True, n_layer=1), ["pickle"]),
    "gpt_neox_sequential": (gpt_neox(use_parallel_residual=False, rotary_pct=1.0, hidden_act="gelu_fast"),
                            ["safetensors"]),
    "gpt_neox_bare": (gpt_neox(attention_bias=False, rotary_pct=0.5, rotary_emb_base=500, tie_word_embeddings=True, intermediate_size=32,
                               rope_scaling=dict(rope_type="linear", factor=4.0)), ["sharded-pickle"]),
    "bloom_6_heads": (bloom(hidden_size=24, n_head=6), ["safetensors"]),
    "bloom_from_norm": (bloom(apply_residual_connection_post_layernorm=True, n_layer=1), ["safetensors"]),
    "llama": (llama(num_hidden_layers=1, intermediate_size=32), ["safetensors", "pickle", "gguf"]),
    "llama_untied": (llama(tie_word_embeddings=False, attention_bias=True, mlp_bias=True, num_key_value_heads=4,
                           rope_theta=500.0, intermediate_size=32), ["sharded"]),
    "llama3_scaled": (llama(rope_scaling=LLAMA3, num_key_value_heads=1, head_dim=16), ["safetensors"]),
    "mistral_window": (llama(model_type="mistral", sliding_window=6), ["safetensors"]),
    "qwen2": (llama(model_type="qwen2", use_sliding_window=True, sliding_window=7, max_window_layers=1),
              ["safetensors"]),
    "qwen2_gguf": (llama(model_type="qwen2", num_hidden_layers=1), ["safetensors", "gguf"]),
    "qwen3": (llama(model_type="qwen3", head_dim=12, num_hidden_layers=1), ["safetensors", "gguf"]),
    "smollm3": (llama(model_type="smollm3", num_hidden_layers=3, no_rope_layers=[1, 0, 1], intermediate_size=32,
                      pad_token_id=0),
                ["safetensors"]),
    # Its windows are where nothing is rotated, and its file says neither where that is nor what kind the layers have.
    "smollm3_window": (llama(model_type="smollm3", no_rope_layer_interval=2, intermediate_size=32,
                             use_sliding_window=True, sliding_window=4, pad_token_id=0), ["safetensors"]),
    "neox_dynamic": (gpt_neox(num_hidden_layers=1, rope_scaling=dict(rope_type="dynamic", factor=2.0)),
                     ["safetensors"]),
}
# What their config.json leaves out.
LEFT_OUT = {"smollm3_window": ["layer_types", "no_rope_layers"]}


def model_of(settings, seed):
    torch.manual_seed(seed)
    config = AutoConfig.for_model(**{"vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": 2, **settings})
    with no_init_weights():  # transformers' own initialisation fails for norms without a gain
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        # Larger than at the start of training, so that attention is far from uniform and biases are not zero.
        parameter.data.normal_(1.0 if ("norm" in name or ".ln_" in name) and name.endswith("weight") else 0.0, 0.15)
    model.tie_weights()
    return model


def run(model, ids, first, past):
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(past or []):
        cache.update(keys, values, layer)
    places = torch.arange(first, first + len(ids))
    seen = cache.get_seq_length()
    settings = dict(input_ids=ids[None], past_key_values=cache, use_cache=True,
                    attention_mask=torch.ones(1, seen + len(ids), dtype=torch.long))
    if model.config.model_type != "bloom":
        settings |= dict(position_ids=places[None])
    output = model(**settings)
    layers = [(keys[:, :, -len(ids):], values[:, :, -len(ids):]) for keys, values in output.past_key_values.to_legacy_cache()]
    return output.logits[0], layers


def golden(model, seed):
    chosen = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (DEMONSTRATIONS + QUERY,), generator=chosen)
    demonstrations, query = ids[:DEMONSTRATIONS], ids[DEMONSTRATIONS:]
    values = {"demo_ids": demonstrations.clone(), "query_ids": query.clone(), "plain_logits": run(model, ids, 0, None)[0]}
    cache = momentum = None
    for step in range(1, STEPS + 1):
        _, proposed = run(model, demonstrations, 0 if cache is None else DEMONSTRATIONS, cache)
        if cache is None:
            cache = proposed
        else:
            pull = [[new - old for new, old in zip(*pair)] for pair in zip(proposed, cache)]
            momentum = pull if momentum is None else [
                [g + MOMENTUM * m for g, m in zip(*pair)] for pair in zip(pull, momentum)]
            cache = [tuple(old + STEP_SIZE * m for old, m in zip(*pair)) for pair in zip(cache, momentum)]
        values[f"step{step}_k"] = torch.cat([keys for keys, _ in cache])
        values[f"step{step}_v"] = torch.cat([layer_values for _, layer_values in cache])
        values[f"step{step}_query_logits"] = run(model, query, DEMONSTRATIONS, cache)[0]
    return {name: value.contiguous() for name, value in values.items()}


def write_index(folder, name, files):
    places = {tensor: file for file, tensors in files.items() for tensor in tensors}
    (folder / name).write_text(json.dumps({"metadata": {}, "weight_map": places}, indent=1))


def halves(tensors):
    names = sorted(tensors)
    return [{name: tensors[name] for name in names[at::2]} for at in (0, 1)]


def write(folder, model, form):
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    tied = model.config.tie_word_embeddings
    head = model.get_output_embeddings().weight
    if tied and form in ("safetensors", "sharded", "gguf"):
        tensors = {name: value for name, value in tensors.items() if model.state_dict()[name].data_ptr() != head.data_ptr()
                   or name == model_embedding_name(model)}
    if form == "safetensors":
        if model.config.model_type == "gpt_neo":
            # Files on the hub carry masks that nothing reads.
            tensors["transformer.h.0.attn.attention.bias"] = torch.ones(1, 1, 4, 4, dtype=torch.bool).tril()
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    elif form == "sharded":
        files = {f"model-0000{at + 1}-of-00002.safetensors": part for at, part in enumerate(halves(tensors))}
        for name, part in files.items():
            save_file(part, folder / name, metadata={"format": "pt"})
        write_index(folder, "model.safetensors.index.json", files)
    elif form == "pickle":
        # As saved by a model: a tied head is the same storage again, and one matrix lies transposed.
        state = {name: torch.nn.Parameter(value) if "ln_1" in name else value for name, value in model.state_dict().items()}
        matrix = next(name for name in state if name.endswith(("fc_in.weight", "up_proj.weight")))
        state[matrix] = state[matrix].t().contiguous().t()
        torch.save(state, folder / "pytorch_model.bin")
    elif form == "sharded-pickle":
        files = {f"pytorch_model-0000{at + 1}-of-00002.bin": part for at, part in enumerate(halves(tensors))}
        for name, part in files.items():
            torch.save(part, folder / name)
        write_index(folder, "pytorch_model.bin.index.json", files)
    elif form == "old-pickle":
        state = {name.removeprefix("transformer."): value for name, value in model.transformer.state_dict().items()}
        state["h.0.attn.bias"] = torch.ones(1, 1, 4, 4, dtype=torch.uint8).tril()
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    elif form == "gguf":
        write_gguf(folder / "model.gguf", model, tensors)


def model_embedding_name(model):
    embedding = model.get_input_embeddings().weight
    return next(name for name, value in model.named_parameters() if value is embedding)


def write_gguf(path, model, tensors):
    """As llama.cpp's converter: its names, and for LLaMA the rows of queries and keys so that rotated pairs are neighbours."""
    config, kind = model.config, model.config.model_type
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(VOCABULARY)
    if kind == "qwen3":
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    names = gguf.get_tensor_name_map({"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2,
                                      "qwen3": gguf.MODEL_ARCH.QWEN3}[kind], config.num_hidden_layers)
    for name, value in tensors.items():
        if kind == "llama" and ".q_proj" in name:
            value = neighbours(value, heads)
        if kind == "llama" and ".k_proj" in name:
            value = neighbours(value, kv_heads)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), value.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def neighbours(rows, heads):
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def main():
    torch.set_num_threads(1)
    for seed, (name, (settings, forms)) in enumerate(VARIANTS.items()):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with torch.no_grad():
            model = model_of(settings, seed)
            save_file(golden(model, seed), folder / "golden.safetensors")
            for form in forms:
                write(folder, model, form)
        model.config.to_json_file(folder / "config.json")
        config = json.loads((folder / "config.json").read_text())
        for key in LEFT_OUT.get(name, []):
            del config[key]
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{name}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
