"""Writes gguf_bpe.json and gguf_pieces.json: vocabularies, texts, and the ids that llama.cpp gives for the texts when a
GGUF file has the vocabulary, for every way to cut texts that the host knows (`tokenizer.ggml.pre`) and for SentencePiece.

The merges of the byte-level vocabulary are learnt from texts that are not cut at all, so that nearly every other cut
gives other ids.

usage: make_gguf.py FOLDER      FOLDER has node_modules/node-llama-cpp; needs: node tokenizers sentencepiece gguf
"""
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import gguf
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

here = os.path.dirname(os.path.abspath(__file__))
rows = os.path.join(here, "../../../../tasks/sst2/sample/train.jsonl")
sentences = [json.loads(line)["sentence"] for line in open(rows, encoding="utf-8")]

PRE = [None, "default", "gpt-2", "mellum", "olmo", "smollm", "refact", "starcoder", "llama-bpe", "falcon3", "pixtral", "smaug-bpe",
       "dbrx", "qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "tekken", "seed-coder", "deepseek-coder", "mpt", "phi-2",
       "trillion", "a.x-4.0", "codeshell", "command-r", "exaone", "minerva-7b", "llama3", "llama-v3", "midm-2.0"]
# What only the original tokenizers do: they compose letters and accents (NFC) and know the case of other letters.
ASCII_ONLY = ["tekken"]

BASE = [
    "a film of 1999 and 27 others", "1234567 12,345.67 3.14159 0x1F 1e-5 007", "5% of $20 + 3 = 4 <= 5 >= 1 ~ ^ | ` \\ /",
    "it's I'm you're we'll they'd I've can't 'tis 'S 'LL 'Re", "IT'S I'M YOU'RE WE'LL", "two  blanks   three    four", " leading",
    "trailing ", "  both  ", "line\nbreak\n\nand\ttab\r\nend\n", "\n", "\n\n\n", " \n \n", "\t\tx\t y", "    if x:\n        return y\n",
    "a.b.c...d!!!e???f;;;g", "(parens) [brackets] {braces} <tags> \"quotes\" 'single'", "x=y+z*w/2-1;", "foo_bar-baz@qux#1 &c.",
    "http://example.org/a?b=c&d=1#e", "CamelCase snake_case SCREAMING_CASE mixedCASEword", "a1b2c3 4d5e 6F", "...", "-", "'", "",
    "a", "ab", "Review: dull .\nSentiment:", "Review: a good film .\nSentiment: positive\n\nReview: bad .\nSentiment:",
    "end.\n\nNext", "end. \n", "x \n\n y", "!\n!\n\n!", "123\n456", "1 2  3   4", "12345678901234567890", "$$$+++<<<===>>>^^^~~~|||",
]
OTHER = [
    "caf\u00e9 na\u00efve \u00fcber \u00c9COLE", "\u6f22\u5b57\u4eee\u540d\u4ea4\u3058\u308a 3\u500b", "\u4e2d\u6587\uff0c\u6807\u70b9\u3002\u201c\u5f15\u53f7\u201d",
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5", "\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0422\u0415\u041a\u0421\u0422", "\u0661\u0662\u0663 \u0967\u0968\u0969 \uff11\uff12\uff13\uff14", "\u00bd \u00b2\u00b3 \u2163 \u2460",
    "\U0001f600\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f", "nb\u00a0sp\u2003em\u3000wide\u200bzero", "\u2014 dash \u2013 \u2026 ellipsis \u00ab\u00bb",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 123", "\u20ac5 \u00a31 \u00a52 \u00b15 \u00d72 \u00f73", "na\u00efve caf\u00e9s it\u2019s", "\u00df\u00c6\u00d8\u00e5 \u01c5",
]
DECOMPOSED = ["cafe\u0301 u\u0308ber"]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    texts = sentences[:150] + (BASE + OTHER + DECOMPOSED) * 4
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    special = ["<|endoftext|>", "<|im_start|>", "<user made>"]
    types = [1] * len(tokens) + [3, 1, 4]
    return {"tokens": tokens + special, "types": types, "merges": merges}


def pieces():
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter((sentences[:150] + BASE + OTHER + ["a          b  c"] * 30) * 2), model_writer=out,
        model_type="bpe", vocab_size=600, byte_fallback=True, character_coverage=0.99, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, minloglevel=2,
        user_defined_symbols=["<user made>", "        "])
    model = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    kinds, tokens = [], []
    for i in range(model.vocab_size()):
        piece = model.id_to_piece(i)
        user = i in (3, 4)  # they follow the unknown and the control tokens
        # llama.cpp's converter writes blanks of what users defined as blanks.
        tokens.append(piece.replace("\u2581", " ") if user else piece)
        kinds.append(2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 4 if user else 1)
    return {"tokens": tokens, "types": kinds, "scores": [model.get_score(i) for i in range(model.vocab_size())]}


def ids(folder, vocabulary, texts, pre=None, prefix=None):
    with tempfile.TemporaryDirectory(dir=folder) as work:
        path = os.path.join(work, "vocabulary.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        for key, value in [("context_length", 64), ("embedding_length", 8), ("block_count", 1), ("feed_forward_length", 8),
                           ("attention.head_count", 1)]:
            writer.add_uint32(f"llama.{key}", value)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2" if "merges" in vocabulary else "llama")
        if pre is not None:
            writer.add_tokenizer_pre(pre)
        if prefix is not None:
            writer.add_add_space_prefix(prefix)
        writer.add_token_list(vocabulary["tokens"])
        writer.add_token_types(vocabulary["types"])
        if "merges" in vocabulary:
            writer.add_token_merges(vocabulary["merges"])
        else:
            writer.add_token_scores(vocabulary["scores"])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.close()
        listed = os.path.join(work, "texts.json")
        json.dump(texts, open(listed, "w"))
        shutil.copy(os.path.join(here, "llama_cpp.mjs"), work)
        printed = subprocess.run(["node", "llama_cpp.mjs", path, listed], cwd=work, capture_output=True, text=True)
        if printed.returncode:
            sys.exit(printed.stderr)
        return json.loads(printed.stdout.splitlines()[-1])


def write(name, vocabulary, texts, cases):
    with open(os.path.join(here, name), "w") as out:
        out.write("{\n")
        for key, value in vocabulary.items():
            out.write(f"{json.dumps(key)}: {json.dumps(value)},\n")
        out.write(f"\"texts\": {json.dumps(texts)},\n\"ids\": {{\n")
        out.write(",\n".join(f"{json.dumps(case)}: {json.dumps(found)}" for case, found in cases.items()) + "\n}}\n")


folder = sys.argv[1]
special = ["a<|im_start|>b <|endoftext|>", "<|im_end|> is <user made>x"]
vocabulary = byte_level()
texts = BASE + OTHER + special
cases = {}
for pre in PRE:
    found = ids(folder, vocabulary, texts, pre)
    if pre in ASCII_ONLY:
        found[len(BASE):len(BASE) + len(OTHER)] = [None] * len(OTHER)
    cases[pre or "none"] = found
    print(pre, flush=True)
# Those of one kind once: the others are in the same row of the host's table.
same = {}
for pre, found in cases.items():
    same.setdefault(json.dumps(found), []).append(pre)
write("gguf_bpe.json", vocabulary, texts, {" ".join(names): cases[names[0]] for names in same.values()})

vocabulary = pieces()
texts = BASE + OTHER + DECOMPOSED + [
    "<s>a", "a<s> b</s>", "x <unk> y", "<user made>x <user made>", "a" + " " * 8 + "b", " " * 20, "<0x0A>", "\u2581a",
    "a" + " " * 17 + "b" + " " * 3] + [" " * n + "x" + " " * (n * 3 % 7) for n in range(12)]
write("gguf_pieces.json", vocabulary, texts, {
    "prefix": ids(folder, vocabulary, texts), "no prefix": ids(folder, vocabulary, texts, prefix=False)})
