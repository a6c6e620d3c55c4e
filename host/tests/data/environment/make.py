"""Writes cases.json: what huggingface_hub makes of environment variables.

Needs huggingface_hub 2. Each case is read by a new interpreter with no other variables than its own and HOME, which is a
folder with token files in it; `@` stands for that folder, in variables and in results.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

CASES = [
    {},
    {"XDG_CACHE_HOME": "@/x"},
    {"XDG_CACHE_HOME": "~/x"},
    {"XDG_CACHE_HOME": "@/x", "HF_HOME": "@/h"},
    {"HF_HOME": "~/hf"},
    {"HF_HOME": "~"},
    {"HF_HOME": "$HOME/hf"},
    {"HF_HOME": "${BASE}/hf", "BASE": "@/b"},
    {"HF_HOME": "~/$NAME/hf", "NAME": "n"},
    {"HF_HOME": "@/$UNKNOWN/hf"},
    {"HF_HOME": "~no-such-user/hf"},
    {"HF_HOME": "@/~/hf"},
    {"HF_HUB_CACHE": "~/cache", "HF_HOME": "~/hf"},
    {"HF_HUB_CACHE": "$BASE/cache", "BASE": "@/b"},
    {"HUGGINGFACE_HUB_CACHE": "~/old", "HF_HOME": "~/hf"},
    {"HUGGINGFACE_HUB_CACHE": "${BASE}/old", "BASE": "@/b"},
    {"HUGGINGFACE_HUB_CACHE": "~/old", "HF_HUB_CACHE": "~/new"},
    {"HF_TOKEN": "hf_set"},
    {"HF_TOKEN": " hf_set\r\n"},
    {"HF_TOKEN": "hf_\nset"},
    {"HF_TOKEN": ""},
    {"HF_TOKEN": "  "},
    {"HF_TOKEN": "  ", "HUGGING_FACE_HUB_TOKEN": "hf_older"},
    {"HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "hf_older"},
    {"HUGGING_FACE_HUB_TOKEN": "hf_older"},
    {"HUGGING_FACE_HUB_TOKEN": "hf_older", "HF_HOME": "~/hf"},
    {"HUGGING_FACE_HUB_TOKEN": "hf_older", "HF_TOKEN": "hf_set"},
    {"HF_TOKEN_PATH": "~/secret"},
    {"HF_TOKEN_PATH": "$BASE/secret", "BASE": "@"},
    {"HF_TOKEN_PATH": "@/none"},
    {"HF_TOKEN_PATH": "~/secret", "HF_TOKEN": "hf_set"},
    {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"},
    {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "0"},
    {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_TOKEN": "hf_set"},
    {"HF_HUB_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "TRUE"},
    {"HF_HUB_OFFLINE": "yes"},
    {"HF_HUB_OFFLINE": "On"},
    {"HF_HUB_OFFLINE": "0"},
    {"HF_HUB_OFFLINE": "2"},
    {"HF_HUB_OFFLINE": "false"},
    {"HF_HUB_OFFLINE": ""},
    {"TRANSFORMERS_OFFLINE": "1"},
    {"TRANSFORMERS_OFFLINE": "0"},
    {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "1"},
    {"HF_ENDPOINT": "http://mirror"},
    {"HF_ENDPOINT": "http://mirror/"},
    {"HF_ENDPOINT": "http://mirror/hub//"},
]

READ = """
import json
from huggingface_hub import constants
from huggingface_hub.utils._headers import get_token_to_send
print(json.dumps({
    "hub_cache": constants.HF_HUB_CACHE,
    "token": get_token_to_send(None),
    "offline": constants.HF_HUB_OFFLINE,
    "endpoint": constants.ENDPOINT,
}))
"""


def main():
    with tempfile.TemporaryDirectory() as home:
        files = {".cache/huggingface/token": "hf_file\n", "hf/token": "hf_home", "secret": " hf_secret\n"}
        for name, token in files.items():
            path = pathlib.Path(home, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(token)
        cases = []
        for case in CASES:
            variables = {name: value.replace("@", home) for name, value in case.items()}
            result = subprocess.run(
                [sys.executable, "-c", READ], env={"HOME": home, **variables}, cwd="/", capture_output=True, check=True
            )
            read = json.loads(result.stdout)
            read["hub_cache"] = read["hub_cache"].replace(home, "@")
            cases.append({"variables": case, **read})
    out = {"files": files, "cases": cases}
    pathlib.Path(__file__).with_name("cases.json").write_text(json.dumps(out, indent=1) + "\n")


main()
