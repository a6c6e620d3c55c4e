"""Makes bpe/: a small byte-level BPE as vocab.json and merges.txt with OPT's kind of tokenizer_config.json, and the ids that
transformers gives for some texts (pip install transformers==4.57.*).

    python make_bpe.py
"""

import json
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer

HERE = Path(__file__).parent
FOLDER = HERE / "bpe"
FOLDER.mkdir(exist_ok=True)

TEXTS = [
    "Review: a slow, warm film about a lighthouse\nSentiment: positive\n\n",
    "don't they'll we've I'm it's",
    "  two  blanks and\ttabs \n\n lines ",
    "12 345 numbers, 6.78!",
    "Zürich, naïve, 東京, 🌧️ and 👩‍👩‍👧",
    "a </s> within a text and <pad> too",
    "</s>",
    "",
    " leading",
    "trailing ",
    "über-long-hyphenated-word_with_underscores",
]

trained = ByteLevelBPETokenizer()
trained.train_from_iterator(TEXTS * 4, vocab_size=420, min_frequency=2, special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
trained.save_model(str(FOLDER))
described = {"__type": "AddedToken", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
config = {"errors": "replace", "add_prefix_space": False, "add_bos_token": True, "tokenizer_class": "GPT2Tokenizer"}
config |= {name: described | {"content": "</s>"} for name in ("unk_token", "bos_token", "eos_token")}
config["pad_token"] = described | {"content": "<pad>"}
(FOLDER / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
expected = [[text, tokenizer(text, add_special_tokens=False).input_ids, tokenizer(text).input_ids] for text in TEXTS]
(FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=0) + "\n")
