"""Writes scaled.safetensors: what PyTorch makes of the weights in tiny.gguf with other rotary frequencies, and the divisors
that llama.cpp's converter writes for those of Llama 3 (`rope_freqs.weight`).

usage: make_scaled.py      needs: torch "transformers>=5" gguf safetensors
"""
import math
import os

import gguf
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
HEADS, KV_HEADS, WIDTH, INNER, LAYERS, THETA = 6, 3, 24, 32, 2, 500.0
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 200, "rope_theta": THETA}
NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}

reader = gguf.GGUFReader(os.path.join(here, "tiny.gguf"))
stored = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in reader.tensors}


def halves(rows, heads):
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def weight(name):
    if not name.startswith("model.layers."):
        return stored[{"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]]
    layer, rest = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    found = stored[f"blk.{layer}.{NAMES[rest]}.weight"]
    if "q_proj" in name or "k_proj" in name:
        found = halves(found, HEADS if "q_proj" in name else KV_HEADS)
    return found


def logits(rope, ids):
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(stored["token_embd.weight"]), hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, max_position_embeddings=256, rms_norm_eps=1e-4,
        rope_parameters=rope, tie_word_embeddings=True)).float().eval()
    for name, parameter in model.named_parameters():
        parameter.data = torch.from_numpy(np.ascontiguousarray(weight(name)))
    with torch.no_grad():
        return model(torch.tensor(ids[None].astype(np.int64))).logits[0].numpy()


def factors():
    dimensions = WIDTH // HEADS
    found = []
    for frequency in 1.0 / THETA ** (np.arange(0, dimensions, 2) / dimensions):
        wavelength = 2 * math.pi / frequency
        low, high = LLAMA3["low_freq_factor"], LLAMA3["high_freq_factor"]
        positions, factor = LLAMA3["original_max_position_embeddings"], LLAMA3["factor"]
        if wavelength < positions / high:
            found.append(1.0)
        elif wavelength > positions / low:
            found.append(factor)
        else:
            smooth = (positions / wavelength - low) / (high - low)
            found.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(found, np.float32)


golden = load_file(os.path.join(here, "expected.safetensors"))
plain = logits({"rope_type": "default", "rope_theta": THETA}, golden["ids"])
assert np.abs(plain - golden["logits"]).max() < 1e-4
save_file({"linear": logits({"rope_type": "linear", "factor": 4.0, "rope_theta": THETA}, golden["ids"]),
           "llama3": logits(LLAMA3, golden["ids"]), "rope_freqs": factors()}, os.path.join(here, "scaled.safetensors"))
print(factors())
