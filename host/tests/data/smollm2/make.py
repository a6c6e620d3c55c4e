"""Writes expected.json: what PyTorch and the Hugging Face tokenizer make of SmolLM2-135M-Instruct on the bundled sample.

usage: make.py HF_FOLDER PLAN.json      needs: torch "transformers>=4.57,<5"
HF_FOLDER holds the model of the default GGUF file as f32 safetensors, with its tokenizer (single digits split off, then
GPT-2's byte-level pattern; no special tokens around a text). PLAN.json is what
`ft-host run --task plugins/sst2.wasm --data sample --dry-run --json` prints; only its demonstration text is taken from it.
"""
import json, os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

STEPS, STEP_SIZE, MOMENTUM, QUERIES = 3, 0.01, 0.9, 4
here = os.path.dirname(os.path.abspath(__file__))
torch.set_grad_enabled(False)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
encode = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]

text = json.load(open(sys.argv[2]))["demonstrations"]
demo = torch.tensor([encode(text)])
length = demo.shape[1]
rows = [json.loads(line) for line in open(os.path.join(here, "../../../../tasks/sst2/sample/validation.jsonl"))][:QUERIES]


def run(ids, past):
    cache = DynamicCache.from_legacy_cache(past) if past else None
    out = model(ids, past_key_values=cache, use_cache=True)
    return out.logits, out.past_key_values.to_legacy_cache()


def score(cache):
    found = []
    for row in rows:
        context = f"Review: {row['sentence'].strip()}\nSentiment:"
        start, of_row = len(encode(context)), []
        for label in ["negative", "positive"]:
            ids = encode(f"{context} {label}")
            logits, _ = run(torch.tensor([ids]), cache)
            logp = torch.log_softmax(logits[0].double(), -1)
            of_row.append(sum(logp[i - 1, ids[i]].item() for i in range(start, len(ids))))
        found.append(of_row)
    return found


_, cache = run(demo, None)
steps, velocity = [score(cache)], None
for _ in range(2, STEPS + 1):
    _, longer = run(demo, cache)
    gradient = [tuple(new[:, :, -length:] - old for new, old in zip(n, o)) for n, o in zip(longer, cache)]
    if velocity is None:
        velocity = gradient
    else:
        velocity = [tuple(g + MOMENTUM * m for g, m in zip(gs, ms)) for gs, ms in zip(gradient, velocity)]
    cache = tuple(tuple(c + STEP_SIZE * m for c, m in zip(cs, ms)) for cs, ms in zip(cache, velocity))
    steps.append(score(cache))

texts = ["Hello, world!", "don't it's we'll they've", "in 1999 there were 27 of 3.14", "a  b   c    d", " leading and trailing ",
         "line\nbreak\n\nand\ttab\r\n", "caf\u00e9 na\u00efve \u00fcber \u00df", "\u6f22\u5b57\u304b\u306a \ud55c\uad6d\uc5b4", "\U0001f600\U0001f44d\U0001f3fd ok", "<|im_start|>user\nhi<|im_end|>",
         "x+=1; // code {}[]()", "", "\u2581 and \u0120", "A.B.C. vs. e.g. U.S.A", "Review: dull .\nSentiment: negative\n\n"]
json.dump({"demonstrations": text, "demonstration_ids": demo[0].tolist(), "steps": steps,
           "texts": [[t, encode(t)] for t in texts]}, open(os.path.join(here, "expected.json"), "w"), indent=0)
