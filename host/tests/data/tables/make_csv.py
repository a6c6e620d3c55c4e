"""Makes csv_cells.json: short texts, and the rows that Python's csv module reads of them (nothing beside Python is needed).

    python make_csv.py

`strict` are the rows with quoting, null where the reader refuses the text; `plain` are those without.
"""

import csv
import io
import json
import random
from pathlib import Path

random.seed(7)
PIECES = ["a", "b c", ",", ",", '"', '"', '""', "\n", "\n", "\r\n", "\r", " ", "é"]


def rows(text, **options):
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, **options) if row]
    except csv.Error:
        return None


cases = []
texts = {"".join(random.choices(PIECES, k=random.randrange(1, 14))) for _ in range(4000)}
for text in sorted(texts):
    cases.append({"text": text, "strict": rows(text), "plain": rows(text, quoting=csv.QUOTE_NONE)})
whole = [case for case in cases if case["strict"]]
broken = [case for case in cases if case["strict"] is None]
kept = random.sample(whole, 150) + random.sample(broken, 150)
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in kept)
(Path(__file__).parent / "csv_cells.json").write_text(f"[\n{lines}\n]\n")
