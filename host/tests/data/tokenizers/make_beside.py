"""Makes beside/: two small tokenizers as tokenizer.json, and the ids that transformers gives when a tokenizer_config.json
lies beside them that says the same or otherwise. Run once with each version; a run keeps what the other wrote.

    pip install transformers==4.57.6; python make_beside.py
    pip install transformers==5.24.0; python make_beside.py

A case has the parts of tokenizer.json that it replaces, tokenizer_config.json, and for each version the text's ids and
what stands before them with special tokens; null is a version that ends with an error (4 wants LLaMA's tokenizer.model for
`add_prefix_space`).
"""

import json
import tempfile
from pathlib import Path

import transformers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
FOLDER = HERE / "beside"
FOLDER.mkdir(exist_ok=True)
TEXT = "a slow film about a film"


def byte_level():
    merges = [tuple(line.split(" ")) for line in (HERE / "bpe/merges.txt").read_text("utf-8").splitlines()[1:]]
    tokenizer = Tokenizer(models.BPE(vocab=json.loads((HERE / "bpe/vocab.json").read_text("utf-8")), merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("<s>", "<pad>", "</s>", "<unk>")])
    return json.loads(tokenizer.to_str())


def pieces():
    data = json.loads((HERE / "gguf_pieces.json").read_text("utf-8"))
    ids = {token: i for i, token in enumerate(data["tokens"])}
    merges = []
    for token, score, kind in zip(data["tokens"], data["scores"], data["types"]):
        splits = ((token[:i], token[i:]) for i in range(1, len(token) if kind == 1 else 1))
        merges += [(-score, left, right) for left, right in splits if left in ids and right in ids]
    merges = [(left, right) for _, left, right in sorted(merges, key=lambda merge: merge[0])]
    model = models.BPE(vocab=ids, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("<unk>", "<s>", "</s>")])
    return json.loads(tokenizer.to_str())


FORMS = {"bytes": byte_level(), "pieces": pieces()}
for name, form in FORMS.items():
    (FOLDER / f"{name}.json").write_text(json.dumps(form, ensure_ascii=False) + "\n", "utf-8")


def template(form):
    begin = next(token["id"] for token in FORMS[form]["added_tokens"] if token["content"] == "<s>")
    special, text = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing", "single": [special, text], "pair": [special, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [begin], "tokens": ["<s>"]}},
    }


def byte_level_part(prefix, in_sequence):
    part = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {"type": "Sequence", "pretokenizers": [digits, part]} if in_sequence else part


def replace_only():
    return {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}}


def metaspace(scheme):
    return {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": False}}


MAY = [{}, {"value": True}, {"value": False}]


def cases():
    begins = ["LlamaTokenizerFast", "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizerFast",
              "PreTrainedTokenizerFast", "GPT2Tokenizer", "GPTNeoXTokenizerFast", "GPTNeoXTokenizer", "Qwen2Tokenizer", "BloomTokenizerFast"]
    for kind in begins:
        for has_template in (False, True):
            for may in MAY:
                config = {"add_bos_token": value for value in may.values()}
                yield "beginning", "bytes", {"post_processor": template("bytes") if has_template else None}, kind, config
    blanks = ["LlamaTokenizerFast", "CohereTokenizerFast", "PreTrainedTokenizerFast", "GPT2TokenizerFast", "GPT2Tokenizer",
              "GPTNeoXTokenizerFast", "Qwen2Tokenizer", "CodeGenTokenizer", "BloomTokenizerFast"]
    for kind in blanks:
        for prefix in (False, True):
            for in_sequence in (False, True):
                for may in MAY:
                    config = {"add_prefix_space": value for value in may.values()}
                    yield "blank", "bytes", {"pre_tokenizer": byte_level_part(prefix, in_sequence)}, kind, config
    for kind in ("LlamaTokenizerFast", "LlamaTokenizer", "PreTrainedTokenizerFast"):
        for parts in ({}, replace_only(), metaspace("first"), metaspace("always"), metaspace("never")):
            for may in [*MAY, {"value": None}]:
                config = {"add_prefix_space": value for value in may.values()}
                yield "blank", "pieces", parts, kind, config


def read(form, parts, config):
    with tempfile.TemporaryDirectory() as folder:
        write = lambda name, value: (Path(folder) / name).write_text(json.dumps(value), "utf-8")
        write("tokenizer.json", FORMS[form] | parts)
        write("tokenizer_config.json", config)
        write("config.json", {"model_type": "llama"})
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except ImportError:
            return None
        plain, special = tokenizer(TEXT, add_special_tokens=False).input_ids, tokenizer(TEXT).input_ids
        assert special[len(special) - len(plain):] == plain
        return {"ids": plain, "before": special[: len(special) - len(plain)]}


version = transformers.__version__.split(".")[0]
path = FOLDER / "cases.json"
before = json.loads(path.read_text("utf-8"))["cases"] if path.exists() else []
made = []
for index, (about, form, parts, kind, config) in enumerate(cases()):
    config = {"tokenizer_class": kind, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"} | config
    readings = before[index]["readings"] if index < len(before) else {}
    case = {"about": about, "tokenizer": form, "parts": parts, "config": config, "readings": readings | {version: read(form, parts, config)}}
    made.append(case)
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in made)
path.write_text(f'{{"text": {json.dumps(TEXT)}, "cases": [\n{lines}\n]}}\n', "utf-8")
