"""Writes what the fuzz targets start from to corpus/<target>/: small files of every kind that the host reads.

usage: make_corpus.py       needs: nothing beside Python; reads the tests' data in ../host/tests/data
"""
import io
import json
import pickle
import random
import struct
import sys
import types
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / "../host/tests/data"
TASKS = HERE / "../tasks"
BETWEEN = b"\xff\xff"


def write(target, name, data):
    path = HERE / "corpus" / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def number(i):
    return (i * 7 % 11 - 5) / 8


# GGUF: types 4 (u32), 6 (f32), 7 (bool), 8 (text), 9 (list of a type).
def gguf_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_value(value):
    if isinstance(value, bool):
        return 7, struct.pack("<B", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        return 8, gguf_text(value)
    items = [gguf_value(item) for item in value]
    return 9, struct.pack("<IQ", items[0][0], len(items)) + b"".join(data for _, data in items)


def gguf(metadata, tensors, version=3):
    """`tensors`: names to (type, shape as in PyTorch); types 0 (f32), 1 (f16), 8 (blocks of 32 in 8 bit)."""
    head, data = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)), b""
    for key, value in metadata.items():
        kind, value = gguf_value(value)
        head += gguf_text(key) + struct.pack("<I", kind) + value
    for name, (kind, shape) in tensors.items():
        count = 1
        for dim in shape:
            count *= dim
        data += b"\0" * (-len(data) % 32)
        head += gguf_text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, len(data))
        if kind == 8:
            data += b"".join(struct.pack("<e32b", 0.5, *range(32)) for _ in range(count // 32))
        else:
            data += struct.pack(f"<{count}{'fe'[kind]}", *map(number, range(count)))
    return head + b"\0" * (-len(head) % 32) + data


def model(kin, **further):
    keys = {"context_length": 16, "embedding_length": 4, "block_count": 1, "feed_forward_length": 6,
            "attention.head_count": 2, "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-5, **further}
    tensors = {"token_embd.weight": (1, [6, 4]), "output_norm.weight": (0, [4]), "blk.0.attn_norm.weight": (0, [4]),
               "blk.0.ffn_norm.weight": (0, [4]), "blk.0.attn_q.weight": (0, [4, 4]), "blk.0.attn_k.weight": (0, [2, 4]),
               "blk.0.attn_v.weight": (1, [2, 4]), "blk.0.attn_output.weight": (0, [4, 4]),
               "blk.0.ffn_gate.weight": (0, [6, 4]), "blk.0.ffn_up.weight": (0, [6, 4]),
               "blk.0.ffn_down.weight": (0, [4, 6])}
    if kin == "qwen2":
        tensors |= {f"blk.0.attn_{part}.bias": (0, [size]) for part, size in [("q", 4), ("k", 2), ("v", 2)]}
    if kin == "qwen3":
        tensors |= {"blk.0.attn_q_norm.weight": (0, [2]), "blk.0.attn_k_norm.weight": (0, [2])}
    words = {"tokenizer.ggml.tokens": ["<s>", "a", "b", "c", "d", "e"]}
    return {"general.architecture": kin} | {f"{kin}.{key}": value for key, value in keys.items()} | words, tensors


for kin in ["llama", "qwen2", "qwen3", "smollm3"]:
    write("gguf", kin, gguf(*model(kin)))
scaled = {"rope.scaling.type": "linear", "rope.scaling.factor": 2.0, "rope.freq_base": 500.0, "rope.dimension_count": 2,
          "attention.sliding_window": 4, "attention.key_length": 2, "vocab_size": 6}
write("gguf", "scaled", gguf(*model("llama", **scaled), version=2))
write("gguf", "blocks", gguf({"general.architecture": "llama", "general.alignment": 32, "x": [[1, 2], [3]]},
                             {"a": (8, [2, 32]), "b": (1, [3])}))
write("gguf", "nothing", gguf({}, {}))


# Safetensors.
def safetensors(tensors, dtype="F32"):
    header, data = {}, b""
    for name, shape in tensors.items():
        count = 1
        for dim in shape:
            count *= dim
        values = struct.pack(f"<{count}{'f' if dtype == 'F32' else 'e'}", *map(number, range(count)))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    header = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + data


def checkpoint(tensors):
    """What `torch.save` writes of tensors in f32."""
    class Storage:
        def __init__(self, key, count):
            self.key, self.count = key, count

    class Tensor:
        def __init__(self, key, shape):
            self.key, self.shape = key, shape

        def __reduce__(self):
            count = 1
            for dim in self.shape:
                count *= dim
            strides = [1]
            for dim in reversed(self.shape[1:]):
                strides.insert(0, strides[0] * dim)
            arguments = (Storage(self.key, count), 0, tuple(self.shape), tuple(strides), False, {})
            return rebuild, arguments

    def named(name, module):
        function = types.FunctionType((lambda: None).__code__, {})
        function.__name__ = function.__qualname__ = name
        function.__module__ = module
        sys.modules.setdefault(module, types.ModuleType(module))
        setattr(sys.modules[module], name, function)
        return function

    rebuild = named("_rebuild_tensor_v2", "torch._utils")
    floats = type("FloatStorage", (), {"__module__": "torch"})
    sys.modules.setdefault("torch", types.ModuleType("torch")).FloatStorage = floats

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("storage", floats, value.key, "cpu", value.count) if isinstance(value, Storage) else None

    out, pickled = io.BytesIO(), io.BytesIO()
    Pickler(pickled, protocol=2).dump({name: Tensor(str(i), shape) for i, (name, shape) in enumerate(tensors.items())})
    with zipfile.ZipFile(out, "w") as archive:
        def add(name, data):
            archive.writestr(zipfile.ZipInfo("m/" + name, (1980, 1, 1, 0, 0, 0)), data)
        add("data.pkl", pickled.getvalue())
        for i, shape in enumerate(tensors.values()):
            count = 1
            for dim in shape:
                count *= dim
            add(f"data/{i}", struct.pack(f"<{count}f", *map(number, range(count))))
        add("version", b"3\n")
    return out.getvalue()


def folder(config, index=None, *shards):
    parts = [json.dumps(config).encode(), json.dumps(index).encode() if index else b"", *shards]
    return BETWEEN.join(parts)


# Every family with one layer, and its sizes made small: the tests' models have 96 words, states of 32 and so on.
SMALL = {"bloom": {96: 12, 32: 4, 128: 16}, "gpt2": {96: 12, 32: 4, 128: 16}, "gpt_neo": {96: 6, 32: 4, 64: 8, 128: 16},
         "gpt_neox": {96: 12, 32: 4, 64: 8}, "gptj": {96: 6, 32: 4, 128: 16},
         "llama": {96: 6, 32: 4, 80: 6, 16: 2}, "opt": {96: 6, 32: 4, 64: 8, 130: 18}}
SIZES = {"hidden_size", "n_embd", "vocab_size", "n_positions", "max_position_embeddings", "intermediate_size", "ffn_dim",
         "word_embed_proj_dim"}
CONFIG = {"n_layer": 1, "num_layers": 1, "num_hidden_layers": 1, "n_head": 2, "num_heads": 2, "num_attention_heads": 2,
          "num_key_value_heads": 1, "head_dim": 2, "rotary_dim": 2, "rotary_pct": 1.0, "partial_rotary_factor": 1.0,
          "attention_layers": ["local"], "attention_types": [[["local"], 1]], "window_size": 3}
KEPT = SIZES | set(CONFIG) | {
    "model_type", "architectures", "layer_norm_epsilon", "layer_norm_eps", "rms_norm_eps", "activation_function", "hidden_act",
    "n_inner", "rope_scaling", "rope_theta", "rotary_emb_base", "tie_word_embeddings", "use_parallel_residual",
    "do_layer_norm_before", "_remove_final_layer_norm", "attention_bias", "mlp_bias", "scale_attn_weights"}


def tiny(family):
    dims = SMALL[family]
    config = json.loads((DATA / "tiny" / family / "config.json").read_text())
    config = {key: CONFIG.get(key, dims.get(value, value) if key in SIZES else value)
              for key, value in config.items() if key in KEPT}
    for key in ["max_position_embeddings", "n_positions"]:
        if key in config:
            config[key] = 16
    with open(DATA / "tiny" / family / "model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    tensors = {name: [dims[dim] for dim in entry["shape"]] for name, entry in header.items()
               if name != "__metadata__" and ".1." not in name}
    return config, tensors


for family in SMALL:
    config, tensors = tiny(family)
    write("safetensors_index", family, folder(config, None, safetensors(tensors)))
config, tensors = tiny("llama")
names = list(tensors)
index = {"metadata": {"total_size": 1}, "weight_map": {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in
                                                       enumerate(names[:4])}}
halves = [{name: tensors[name] for name in half} for half in [names[:6], names[6:]]]
write("safetensors_index", "two_shards", folder(config, index, *(safetensors(half, "F16") for half in halves)))
write("safetensors_index", "checkpoint", folder(config, None, checkpoint(tensors)))
write("safetensors_index", "checkpoint_small", folder({"model_type": "x"}, None, checkpoint({"a": [2, 3], "b": [4]})))
write("safetensors_index", "shards_small", folder({"model_type": "gpt2"}, None, safetensors({"a": [2, 3]}),
                                                  safetensors({"b": []})))
scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 8}
write("safetensors_index", "rope_llama3", folder(config | {"rope_scaling": scaling}, None, safetensors(tensors)))
for name in ["qwen2", "qwen3", "mistral_window", "smollm3_window", "neox_dynamic", "gpt2_old"]:
    text = json.loads((DATA / "variants" / name / "config.json").read_text())
    write("safetensors_index", f"config_{name}", folder(text))

# Tokenizers.
write("tokenizer", "json", b"\0" + (DATA / "tiny-tokenizer/tokenizer.json").read_bytes() + BETWEEN + b"a text")
added = {"id": 4, "content": "<s>", "single_word": False, "lstrip": False, "rstrip": True, "normalized": False,
         "special": True}
byte_level = {
    "version": "1.0", "added_tokens": [added], "normalizer": {"type": "NFC"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "Split", "pattern": {"Regex": "\\s+(?!\\S)|\\w+"}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                                {"Sequence": {"id": "A", "type_id": 0}}],
                       "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                       "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}},
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\u0120": 2, "ab": 3}, "merges": [["a", "b"]]}}
unigram = {
    "version": "1.0", "added_tokens": [], "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
    "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], ["a", -1.0], ["\u2581a", -0.5]], "byte_fallback": False}}
words = {"version": "1.0", "added_tokens": [added], "normalizer": {"type": "BertNormalizer", "clean_text": True,
                                                                   "handle_chinese_chars": True, "strip_accents": None,
                                                                   "lowercase": True},
         "pre_tokenizer": {"type": "BertPreTokenizer"},
         "model": {"type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": {"?": 0, "it": 1, "##s": 2, "good": 3}}}
for name, value in [("json_byte_level", byte_level), ("json_unigram", unigram), ("json_word_piece", words)]:
    write("tokenizer", name, b"\0" + json.dumps(value).encode())
bpe = DATA / "tokenizers/bpe"
write("tokenizer", "bpe", b"\1" + BETWEEN.join((bpe / name).read_bytes() for name in
                                               ["vocab.json", "merges.txt", "tokenizer_config.json"]))
write("tokenizer", "bpe_small", b"\1" + BETWEEN.join(
    [b'{"a":0,"b":1,"ab":2,"<s>":3}', b"#version: 0.2\na b\n", b'{"bos_token":"<s>","add_bos_token":true}', b"ab ba"]))
for pre in ["gpt-2", "llama-bpe", "smollm", "qwen2"]:
    write("tokenizer", f"gguf_{pre}", b"\2" + gguf({
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": ["<s>", "a", "b", "\u0120", "ab"],
        "tokenizer.ggml.token_type": [3, 1, 1, 1, 1], "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.add_bos_token": True}, {}))
write("tokenizer", "gguf_sentence_piece", b"\2" + gguf({
    "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "<0x41>", "a", "b", "ab", "\u2581", "\u2581ab"],
    "tokenizer.ggml.token_type": [2, 3, 6, 1, 1, 1, 1, 1],
    "tokenizer.ggml.scores": [0.0, 0.0, 0.0, -4.0, -5.0, -1.0, -3.0, -0.5],
    "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.unknown_token_id": 0}, {}))

# Rows.
lines = (DATA / "tables/rows.jsonl").read_bytes().splitlines(keepends=True)
write("rows", "lines", b"\0" + b"".join(lines[:4]))
write("rows", "lines_odd", b"\0" + b'\xef\xbb\xbf{"a": 1e400, "a": [{"b": null}]}\r\n\n{"\\ud83d\\ude00": "\\u0000"}\n[1]\n{"a":')
write("rows", "commas", b"\1" + 'id,text,n\r\n1,"a ""quoted"",\nline",2\r\n2,na\u00efve,\r\n3,x\r\n'.encode())
write("rows", "array", b"\4" + b'\xef\xbb\xbf[\n {"a": [1, "],"]},\r\n {}, 5, {"a": "\\\\\""}\n]\n')
write("rows", "tabs", b"\2" + b"id\ttext\n1\ta \"b\"\n\n2\t\n")
for name in ["plain", "gzip", "latin1", "long"]:
    write("rows", f"parquet_{name}", b"\3" + (DATA / f"tables/{name}.parquet").read_bytes())

# Run files.
for name in ["sst2", "qasc"]:
    write("run_file", name, (TASKS / name / "run.toml").read_bytes())
write("run_file", "everything", b"""task = "trec"
optimizer = "x/adam.wasm"
require-digest = ["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
data = ["train=a.jsonl", "validation=b.csv"]
model = ["HuggingFaceTB/SmolLM2-135M"]
steps = 7
sampling = "random"
shots = 2
seeds = "0..=4"
sample = 500
limit = 100
allow-overlap = true
score-steps = "1,5,7"
baseline = "repeat=2,4"
published = false
select = "held-out"
held-out = "leave-one-out"
positions = "restart"
allow-nonfinite = true
device = "cuda:1"
dtype = "bf16"
weights = "quantized"
threads = 3
batch-tokens = 64
out = "runs/x"
offline = true
cache-dir = "/c"
plugin-fuel = 1000000
plugin-time = 1.5
plugin-memory = "64M"
plugin-tables = 10
plugin-call-bytes = 1000
plugin-tensor-bytes = "1G"
plugin-passes = 10
skip-bad-rows = true

[task-limits]
fuel = 1000
time = 0.5
memory = "1M"

[optimizer-limits]
tables = 5
call-bytes = "2k"
tensor-bytes = 7

[task-options]
name = "x"
flag = true

[optimizer-options]
step_size = 1e-2
layers = "0..4"
list = [1, 2.5, "a"]
""")
write("run_file", "converged", b'task = "../a.wasm"\nmodel = "m"\ndata = "sample"\nseed = 7\n'
      b'select = "converged"\nuntil-norm = 0.001\nheld-out = 5\nscore-steps = "last"\n')


# Folders of runs.
def lines(records):
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def sample(seed, step, index, right, choices=2):
    answer = index % choices
    prediction = answer if right else (answer + 1) % choices
    loglik = [-1.25 if choice == prediction else -3.5 for choice in range(choices)]
    return {"seed": seed, "step": step, "index": index, "id": f"row-{index}", "answer": answer, "prediction": prediction,
            "loglik": loglik, "tokens": [1] * choices, "characters": [8] * choices}


def trace(seed, step, norm):
    layer = {"pseudo_gradient": [norm, norm], "update": [norm / 50, 0.0], "cache": [9.0, 8.0]}
    return {"seed": seed, "step": step, "tokens": 2, "seconds": 0.25, "layers": [layer, layer]}


def results(seeds, count, rows, **further):
    plugin = {"version": "0.1.0", "file": "x.wasm", "sha256": "00"}
    data = {"repository": "a/b", "config": None, "name": "x", "file": "x.jsonl", "rows": rows, "skipped": 0, "sha256": "d1",
            "examples_sha256": "e1"}
    draws = [{"seed": seed, "demonstrations": "Review: fine\n\n", "demonstration_ids": [1], "demonstration_rows": [4]}
             for seed in seeds]
    scores = [{"seed": seed, "step": step, "n": 1, "correct": 1, "accuracy": 0.5, "standard_error": 0.5,
               "interval": [0.0, 1.0], "accuracy_tokens": 0.5, "accuracy_norm": 0.5, "versus_icl": None,
               "step_seconds": float(step), "score_seconds": 0.5} for seed in seeds for step in range(count)]
    return {"complete": True, "format_version": 2, "host_version": "0.1.0",
            "config": {"model": "m", "data": "sample", "skip_bad_rows": False, "sampling": "random", "shots": 1,
                       "seeds": seeds, "steps": count - 1, "limit": None, "score_steps": "all", "select": "last",
                       "positions": "continue", "device": "cpu", "dtype": "f32", "weights": "dense", "threads": 1,
                       "batch_tokens": 64, "limits": {"fuel": 1, "seconds": 1.0, "memory": 1, "table_elements": 1,
                                                      "call_bytes": 1, "tensor_bytes": 1}},
            "task": {"name": "sst2", **plugin}, "optimizer": {"name": "momentum", **plugin},
            "options": {"task": {}, "optimizer": {"step_size": 0.01}},
            "model": {"asked": "m", "source": "m", "files": [], "layers": 2, "hidden": 8, "max_positions": None},
            "data": [{"split": "demonstrations", **data}, {"split": "evaluation", **data}],
            "labels": ["negative", "positive"], **draws[0], **({"further_draws": draws[1:]} if draws[1:] else {}),
            "evaluation_rows": rows, "evaluation_split_rows": rows, "longest_query": 9, "score_steps": list(range(count)),
            "memory": {"weights": 1, "dense_weights": 1, "cache": 1, "activations": 1, "total": 1, "available": None},
            "notes": ["sampled"], "selected": [{"seed": seed, "step": count - 1} for seed in seeds], "steps": scores,
            **further}


def run_folder(name, results, samples, *further):
    write("run_folder", name, BETWEEN.join([json.dumps(results, separators=(",", ":")).encode(), samples, *further]))


def scored(seeds, steps, rows, choices=2):
    return [sample(seed, step, row, row % 3 < step or row == seed, choices) for seed in seeds for step in range(steps)
            for row in range(rows)]


run_folder("one_seed", results([0], 4, 3), lines(scored([0], 4, 3)), lines(trace(0, step, 6.0 / step) for step in [2, 3]))
run_folder("two_seeds", results([0, 1], 3, 2), lines(scored([0, 1], 3, 2)), lines(trace(seed, 2, 3.0) for seed in [0, 1]))
run_folder("one_step", results([7], 2, 3), lines(scored([7], 2, 3)))
half = lines(scored([0], 3, 3))
run_folder("unfinished", results([0, 1], 3, 3, complete=False, selected=[], steps=[]), half[:-70], lines([trace(0, 2, 3.0)])[:-9])
run_folder("no_classes", results([0], 2, 3, labels=[], options={"task": {"x": "\u001b[2J|<b>"}, "optimizer": {"a": [1, {}]}},
                                 notes=["=1\n\"a\"; b", "www.x.y a@b.c"]), lines(scored([0], 2, 3, 3)))
uneven = results([0, 1], 2, 3, further_draws=[{"seed": 1, "demonstrations": "", "demonstration_ids": [],
                                              "demonstration_rows": [], "overlapping_rows": [2], "unusable_rows": [5],
                                              "scored_rows": 2}])
run_folder("uneven_seeds", uneven, lines(scored([0], 2, 3) + scored([1], 2, 2)))
told = [{**trace(0, step, 1.0), "passes": 9, "loss": 3.0 / step, "accepted": step != 3} for step in [2, 3]]
chosen = results([0], 4, 3)
chosen["config"].update(select="held-out", held_out="auto")
run_folder("held_out", chosen, lines(scored([0], 4, 3)), lines(told),
           lines([sample(0, step, row, step > row) for row in range(2) for step in range(1, 4 - row)]))
controlled = results([0], 2, 3, content_free={"made_by": "host", "queries": 1})
run_folder("controls", controlled, lines(scored([0], 2, 3)), b"", b"",
           lines([{"baseline": "repeat=2", **sample(0, 1, row, row < 2)} for row in range(3)]),
           lines([sample(0, step, 0, True) for step in range(2)] + [{"baseline": "repeat=2", **sample(0, 1, 0, False)}]))
group = {"format_version": 1, "host_version": "0.1.0", "name": "g", "complete": False,
         "subtasks": [{"name": "a", "groups": ["x|<b>"]}, {"name": "b-2"}, {"name": "c_3", "groups": ["x|<b>", "y"]}, {"name": "d"}]}
run_folder("group", results([0, 1], 3, 2), lines(scored([0, 1], 3, 2)), b"", b"", b"", b"", b"", json.dumps(group).encode())
run_folder("group_of_one_seed", results([0], 3, 3), lines(scored([0], 3, 3)), b"", b"", b"", b"", b"", json.dumps(group).encode())
run_folder("nothing_scored", results([0], 2, 3, complete=False, selected=[], steps=[]), b"")
run_folder("other_version", results([0], 2, 1, format_version=1), lines(scored([0], 2, 1)))

# Saved contexts.
def context_tensors(dtype="F32", held="f32", layers=2, **metadata):
    shape, size = [1, 3, 2], {"F32": 4, "F16": 2, "BF16": 2}[dtype]
    tensors = [("last_hidden", "F32", [1, 4], 16)]
    tensors += [(f"layers.{n}.{part}", dtype, shape, 6 * size) for n in range(layers) for part in ["keys", "values"]]
    facts = {"format": "ft-host context", "format_version": "1", "dtype": held, "next_position": "3", "step": "3",
             "shared_start": "0", **metadata}
    header, start, data = {"__metadata__": facts}, 0, b""
    for name, kind, dims, count in tensors:
        header[name] = {"dtype": kind, "shape": dims, "data_offsets": [start, start + count]}
        start += count
        numbers = [number(i) for i in range(count // {"F32": 4, "F16": 2, "BF16": 2}[kind])]
        data += b"".join(struct.pack("<f", x)[2:] if kind == "BF16" else struct.pack("<" + {"F32": "f", "F16": "e"}[kind], x)
                         for x in numbers)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def context(name, tensors, **further):
    plan = results([0], 4, 3)
    scores = plan["steps"][-1]
    for key in ["complete", "selected", "steps"]:
        del plan[key]
    for key in ["step_seconds", "score_seconds"]:
        del scores[key]
    record = {"format_version": 1,
              "tensors": {"name": "context.safetensors", "bytes": len(tensors), "sha256": "00" * 32, "layers": 2, "kv_heads": 1,
                          "head_dim": 2, "positions": 3, "embedding": 4, "dtype": "f32", "stored_dtype": "f32",
                          "next_position": 3, "shared_start": 0},
              "selected": {"seed": 0, "step": 3}, "trace": [trace(0, step, 6.0 / step) for step in [2, 3]], "scores": scores,
              "plan": plan, **further}
    write("context", name, json.dumps(record, separators=(",", ":")).encode() + BETWEEN + tensors)


context("as_held", context_tensors())
context("half", context_tensors("F16"))
context("brain_half", context_tensors("BF16"))
context("held_in_half", context_tensors("BF16", "bf16"))
context("too_few", context_tensors(layers=1), trace=[])
context("other_version", context_tensors(format_version="2"), format_version=2)
context("other_seed", context_tensors(step="0"), selected={"seed": 1, "step": 3})

# Plugins: bytes of which modules are made. Components as they are, `raw_*`, come from host/tests/fuzz_findings.rs.
for name, which in [("task", 0), ("optimizer", 1), ("later_version", 130), ("other_types", 134), ("imports", 140), ("both", 147)]:
    write("component", f"made_{name}", bytes([3 if name == "both" else 1, which]) + random.Random(which).randbytes(600))


# Answers of plugins, as input.rs reads them.
def text(value, times=1):
    value = value.encode()
    assert len(value) < 32
    return bytes([len(value)]) + value if times == 1 else bytes([0x80 | len(value), times - 1]) + value


def items(*values):
    return bytes([len(values)]) + b"".join(values)


def integer(value):
    return struct.pack("<q", value)


boolean = text("on") + text("whether") + b"\0" + b"\0" + b"\1"
ranged = text("n") + text("how many") + b"\1" + b"\1" + integer(0) + b"\1" + integer(9) + b"\1" + integer(3)
real = text("step_size") + text("eta") + b"\2" + b"\1\x64" + b"\0" + b"\2\x65"
choice = text("update") + text("which") + b"\4" + items(text("both"), text("keys")) + b"\3"
FIELDS = {"boolean": boolean, "ranged": ranged, "real": real, "choice": choice}


def described(*options):
    return b"\0" + text("adam") + text("0.1.0") + text("a rule") + items(*options)


for name, option in FIELDS.items():
    write("plugin_output", f"describe_{name}", described(option) + items(b"\0" + text("7")))
write("plugin_output", "describe", described(*FIELDS.values()) + items(b"\0" + text("true"), b"\1" + text("10"),
                                                                      b"\7" + text("other") + text("x", 200)))


def source(split, sample):
    return bytes([split]) + text("owner/name") + b"\1" + text("main") + text("train") + text("sst2") + sample


write("plugin_output", "sources", b"\1" + items(source(0, b"\0"), source(1, b"\1\7")))
example = b"\1" + items(text("label") + text("0")) + text("id-1") + text("a film", 3) + b"\1\1"
own = b"\0" + items(text("yes"), text("no"), text("maybe")) + items() + text("id-2") + text("a question") + b"\1\2"
write("plugin_output", "examples_labels", b"\2" + items(text("good"), text("bad")) + items(example))
write("plugin_output", "examples", b"\2" + items() + items(own))
write("plugin_output", "messages", b"\3" + items(b"\1" + text("\x1b[2J\n"), b"\2" + text("\u202ea\u0301", 60), b"\3" + text("ok")))
write("plugin_output", "tensors", b"\4" + bytes([0, 0, 0, 2, 2, 3, 0, 0, 101, 5, 0, 0, 102, 2, 0, 1, 0, 10, 0, 0, 0, 1, 1,
                                                 7, 0, 1, 11, 0, 1, 12, 0, 0, 9, 1, 0]))
write("plugin_output", "text", b"\5\x28" + text("\x07bell \u2028\u202a", 40) + b"\x1b[31mred\r\n\t\xf0\x9f\x98\x80")
