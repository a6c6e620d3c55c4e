"""Writes the default configuration of every family as transformers serializes it, whole and as `save_pretrained` does.

    python3 -m venv venv && venv/bin/pip install transformers    # once 4.57.6, once 5.24.0
    venv/bin/python host/tests/data/configs/make.py
"""
import json
from pathlib import Path

import transformers
from transformers import AutoConfig

FAMILIES = ["opt", "gpt2", "gpt_neo", "gptj", "gpt_neox", "bloom", "llama", "mistral", "qwen2", "qwen3", "smollm3"]

configs = [json.loads(AutoConfig.for_model(family).to_json_string(use_diff=short)) for family in FAMILIES
           for short in (False, True)]
path = Path(__file__).parent / f"transformers-{transformers.__version__.split('.')[0]}.json"
path.write_text("[\n" + ",\n".join(json.dumps(config) for config in configs) + "\n]\n")
