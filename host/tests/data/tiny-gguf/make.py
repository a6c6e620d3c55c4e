"""Writes `tiny.gguf`, a LLaMA with two layers, random weights and a vocabulary of its own, and `expected.safetensors`,
what PyTorch makes of the same weights. Rows of the query and key matrices stand in GGUF in another order (the rotated
pairs are neighbours there and lie half a head apart in PyTorch), so equal logits say that the host has the right one.

usage: make.py        needs: torch "transformers>=4.57,<5" gguf safetensors regex
"""
import json
import os
import sys

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "smollm2-tokens"))
from bpe import Bpe, BYTES

HEADS, KV_HEADS, WIDTH, INNER, LAYERS = 6, 3, 24, 32, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>"]
MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("Ġ", "a"), ("o", "n"), ("1", "2"), ("Ċ", "Ċ"), ("Ġ", "Ġ")]
tokens = SPECIAL + list(BYTES.values()) + [left + right for left, right in MERGES]
types = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIAL))

torch.manual_seed(20230513)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=len(tokens), hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
    num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, max_position_embeddings=256, rms_norm_eps=1e-4,
    rope_theta=500.0, tie_word_embeddings=True)).float().eval()
for name, weight in model.named_parameters():
    torch.nn.init.normal_(weight, mean=1.0 if "norm" in name else 0.0, std=0.3)

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def gguf_name(name):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]
    layer, rest = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    return f"blk.{layer}.{NAMES[rest]}.weight"


def neighbours(rows, heads):
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


writer = gguf.GGUFWriter(os.path.join(here, "tiny.gguf"), "llama")
writer.add_context_length(256)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV_HEADS)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_rope_freq_base(500.0)
writer.add_layer_norm_rms_eps(1e-4)
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(tokens)
writer.add_token_types(types)
writer.add_token_merges([" ".join(merge) for merge in MERGES])
writer.add_bos_token_id(1)
writer.add_add_bos_token(False)
for name, weight in model.named_parameters():
    data = weight.detach().numpy()
    kind = gguf.GGMLQuantizationType.F32 if data.ndim == 1 else gguf.GGMLQuantizationType.F16
    if "down_proj" in name:  # the only rows that fill blocks of 32
        kind = gguf.GGMLQuantizationType.Q8_0
    # PyTorch gets what is in the file.
    used = gguf.quants.dequantize(gguf.quants.quantize(data, kind), kind).astype(np.float32)
    weight.data = torch.from_numpy(used.copy())
    if "q_proj" in name or "k_proj" in name:
        data = neighbours(data, HEADS if "q_proj" in name else KV_HEADS)
    writer.add_tensor(gguf_name(name), gguf.quants.quantize(data, kind), raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

texts = ["the 123 things in  the\n\nend", "then<|im_start|>on <|endoftext|>", " été 12 a\tb"]
bpe = Bpe(tokens, MERGES, SPECIAL)
ids = bpe.encode(texts[0] + texts[1])
with torch.no_grad():
    logits = model(torch.tensor([ids])).logits[0].numpy()
save_file({"ids": np.array(ids, np.uint32), "logits": logits}, os.path.join(here, "expected.safetensors"))
with open(os.path.join(here, "tokens.json"), "w") as out:
    out.write("[\n" + ",\n".join(json.dumps([text, bpe.encode(text)]) for text in texts) + "\n]\n")
