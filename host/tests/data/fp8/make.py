"""Writes tiny models with FP8 weights and what PyTorch gives for them: one folder per form of scales beside this file.

A folder holds config.json, model.safetensors and golden.safetensors with `ids` and `logits`, in f32 on the CPU with eager
attention. The logits are those of the weights that the numbers and scales stand for, put together here; where transformers
(and compressed-tensors) can read the folder, the weights that it loads are held to be the same ones. Made with torch 2.15,
transformers 5.24, compressed-tensors 0.20, safetensors 0.8:

    python3 -m venv venv && venv/bin/pip install torch transformers compressed-tensors accelerate safetensors
    venv/bin/python host/tests/data/fp8/make.py
"""
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
VOCABULARY, TOKENS = 64, 20
SETTINGS = dict(model_type="qwen3", hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, head_dim=8, max_position_embeddings=64, tie_word_embeddings=True,
                vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=2, architectures=["Qwen3ForCausalLM"])
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2


def compressed(strategy, **more):
    return dict(quant_method="compressed-tensors", format="float-quantized", quantization_status="compressed",
                global_compression_ratio=None, ignore=["lm_head"], kv_cache_scheme=None, sparsity_config={},
                transform_config={}, version="0.12.0",
                config_groups={"group_0": dict(
                    targets=["Linear"], output_activations=None, format="float-quantized",
                    weights=dict(num_bits=8, type="float", strategy=strategy, symmetric=True, dynamic=False,
                                 group_size=None, block_structure=None, actorder=None, observer="minmax",
                                 observer_kwargs={}) | more,
                    input_activations=dict(num_bits=8, type="float", strategy="token", symmetric=True, dynamic=True,
                                           group_size=None, block_structure=None, actorder=None, observer=None,
                                           observer_kwargs={}))})


# For each folder: the configuration, FP8's form, rows and columns of a scale (None: all), the shape and the number format
# that it is stored in, the ending of its name, and whether there is a scale of activations.
FORMS = {
    "block": (dict(quant_method="fp8", activation_scheme="dynamic", fmt="e4m3", weight_block_size=[16, 16]),
              E4M3, (16, 16), "matrix", torch.float32, "weight_scale_inv", False),
    # Blocks at the edges are smaller, as in DeepSeek's own `weight_dequant`; transformers takes only whole ones.
    "block_uneven": (dict(quant_method="fp8", activation_scheme="dynamic", fmt="e4m3", weight_block_size=[20, 20]),
                     E4M3, (20, 20), "matrix", torch.float32, "weight_scale_inv", False),
    # As vLLM's AutoFP8.
    "tensor": (dict(quant_method="fp8", activation_scheme="static", ignored_layers=["lm_head"]),
               E4M3, (None, None), "scalar", torch.float32, "weight_scale", True),
    "e5m2": (dict(quant_method="fp8", activation_scheme="dynamic", fmt="e5m2", weight_block_size=[32, 32]),
             E5M2, (32, 32), "matrix", torch.bfloat16, "weight_scale_inv", False),
    "compressed_channel": (compressed("channel"), E4M3, (1, None), "matrix", torch.bfloat16, "weight_scale", False),
    "compressed_tensor": (compressed("tensor"), E4M3, (None, None), "vector", torch.float32, "weight_scale", False),
    "compressed_block": (compressed("block", block_structure=[16, 16]), E4M3, (16, 16), "matrix", torch.float32,
                         "weight_scale", False),
}
# What transformers reads on a CPU.
READ_BY_TRANSFORMERS = ["block", "compressed_channel", "compressed_tensor"]


def quantize(weight, dtype, rows, columns, scale_dtype):
    """The stored numbers, the scales, and what they stand for."""
    rows, columns = rows or weight.shape[0], columns or weight.shape[1]
    stored, meant = torch.empty_like(weight, dtype=dtype), torch.empty_like(weight)
    scales = torch.empty(-(-weight.shape[0] // rows), -(-weight.shape[1] // columns))
    for row in range(scales.shape[0]):
        for column in range(scales.shape[1]):
            at = (slice(row * rows, (row + 1) * rows), slice(column * columns, (column + 1) * columns))
            scale = (weight[at].abs().max() / torch.finfo(dtype).max).to(scale_dtype).float()
            # The largest number may round to beyond what the format holds.
            limit = torch.finfo(dtype).max
            stored[at] = (weight[at] / scale).clamp(-limit, limit).to(dtype)
            meant[at] = stored[at].float() * scale
            scales[row, column] = scale
    return stored, scales.to(scale_dtype), meant


def main():
    for seed, (name, (method, dtype, (rows, columns), shape, scale_dtype, ending, static)) in enumerate(FORMS.items()):
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        torch.manual_seed(seed)
        config = AutoConfig.for_model(**SETTINGS)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
        tensors = {}
        for parameter_name, parameter in model.named_parameters():
            parameter.data.normal_(1.0 if "norm" in parameter_name else 0.0, 0.15)
            if not parameter_name.endswith("proj.weight"):
                tensors[parameter_name] = parameter.data.clone()
                continue
            stored, scales, meant = quantize(parameter.data, dtype, rows, columns, scale_dtype)
            parameter.data.copy_(meant)
            tensors[parameter_name] = stored
            scales = scales.reshape({"matrix": scales.shape, "vector": (1,), "scalar": ()}[shape])
            module = parameter_name.removesuffix(".weight")
            tensors[f"{module}.{ending}"] = scales.contiguous()
            if static:
                tensors[f"{module}.input_scale"] = torch.tensor(0.05)
        model.tie_weights()
        settings = json.loads(config.to_json_string()) | dict(quantization_config=method, dtype="float32")
        (folder / "config.json").write_text(json.dumps(settings, indent=1) + "\n")
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        if name in READ_BY_TRANSFORMERS:
            check(folder, model)
        ids = torch.randint(3, VOCABULARY, (TOKENS,))
        with torch.no_grad():
            logits = model(input_ids=ids[None]).logits[0]
        save_file({"ids": ids, "logits": logits.contiguous()}, folder / "golden.safetensors")


def check(folder, model):
    from transformers import CompressedTensorsConfig, FineGrainedFP8Config
    method = json.loads((folder / "config.json").read_text())["quantization_config"]
    plain = FineGrainedFP8Config(weight_block_size=tuple(method["weight_block_size"]), dequantize=True) \
        if method["quant_method"] == "fp8" else CompressedTensorsConfig(run_compressed=False)
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=plain)
    expected = dict(model.named_parameters())
    for name, parameter in loaded.named_parameters():
        worst = (parameter.float() - expected[name]).abs().max().item()
        print(folder.name, name, worst) if worst > 1e-6 else None
        assert worst < 4e-3, (folder.name, name, worst)


if __name__ == "__main__":
    main()
