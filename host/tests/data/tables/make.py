"""Makes the Parquet files beside this script and rows.jsonl with the same rows (pip install pyarrow).

    python make.py
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent

ROWS = [
    {
        "id": f"row-{i}",
        "question": ["What bends light?", "naïve – 東京 🌧", "", "a \"quoted\"\nline"][i % 4],
        "label": i % 3,
        "score": [0.5, -1.25, None, 1e300][i % 4],
        "flag": [True, False, None][i % 3],
        "texts": [["a", "b"], [], ["ü"], None][i % 4],
        "choices": {"text": ["a lens", "a wall", None][: 2 + i % 2], "label": ["A", "B", "C"][: 2 + i % 2]},
        "answers": [{"text": "yes", "start": 3}, {"text": "no", "start": None}][: i % 3],
        "nothing": None,
        "small": -5 - i,
    }
    for i in range(25)
]
SCHEMA = pa.schema([
    ("id", pa.string()),
    ("question", pa.large_string()),
    ("label", pa.int64()),
    ("score", pa.float64()),
    ("flag", pa.bool_()),
    ("texts", pa.list_(pa.string())),
    ("choices", pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])),
    ("answers", pa.list_(pa.struct([("text", pa.string()), ("start", pa.int32())]))),
    ("nothing", pa.string()),
    ("small", pa.int8()),
])

table = pa.Table.from_pylist(ROWS, SCHEMA)
pq.write_table(table, HERE / "snappy.parquet", compression="snappy", row_group_size=10)
pq.write_table(table, HERE / "plain.parquet", compression="none", use_dictionary=False, data_page_version="2.0")
pq.write_table(table, HERE / "zstd.parquet", compression="zstd", row_group_size=7, write_page_checksum=True)
pq.write_table(table, HERE / "gzip.parquet", compression="gzip")
(HERE / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))

# The sample of QASC as the hub would convert it.
sample = HERE / "../../../../tasks/qasc/sample/validation.jsonl"
rows = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
pq.write_table(pa.Table.from_pylist(rows), HERE / "qasc.parquet", compression="snappy")
