"""Writes blocks.gguf, a tensor of random blocks in each of ggml's types, and blocks.safetensors, the numbers that the
Python package `gguf` makes of them.

usage: make_blocks.py      needs: gguf safetensors
"""
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(20230513)
ROWS, WIDTH = 2, 256
# Where the scales in f16 stand in a block.
SCALES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0], T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: []}
writer = gguf.GGUFWriter(os.path.join(here, "blocks.gguf"), "llama")
expected = {}
for kind in [T.F32, T.F16, T.BF16, T.F64, *SCALES]:
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    if kind in SCALES:
        blocks = random.integers(0, 256, (ROWS * WIDTH // numbers, size), dtype=np.uint8)
        for place in SCALES[kind]:
            scales = random.normal(0, 1, len(blocks)).astype(np.float16)
            blocks[:, place:place + 2] = scales.view(np.uint8).reshape(-1, 2)
        if kind == T.TQ1_0:  # bytes of five digits are those of `ceil(n * 256 / 243)`
            digits = random.integers(0, 243, (len(blocks), 52))
            blocks[:, :52] = (digits * 256 + 242) // 243
        if kind == T.MXFP4:  # powers of two within f32, and the least
            blocks[:, 0] = random.integers(100, 140, len(blocks))
            blocks[:4, 0] = [0, 1, 2, 139]
        data = blocks.reshape(ROWS, -1)
        read = gguf.quants.dequantize(data, kind)
    elif kind == T.F64:
        data = random.normal(0, 1, (ROWS, WIDTH))
        read = data
    else:
        data = gguf.quants.quantize(random.normal(0, 1, (ROWS, WIDTH)).astype(np.float32), kind)
        read = gguf.quants.dequantize(data, kind)
    writer.add_tensor(kind.name, data, raw_dtype=kind)
    expected[kind.name] = np.ascontiguousarray(read.astype(np.float32).reshape(ROWS, WIDTH))
# Types that are not read, to be refused by name: the removed ones have no size, these are as large as they say.
writer.add_tensor("unread", random.integers(0, 256, (1, 66), dtype=np.uint8), raw_dtype=T.IQ2_XXS)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, os.path.join(here, "blocks.safetensors"))
