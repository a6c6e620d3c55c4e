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

# What other writers may have in their files.
TYPES = [
    {
        "big": 2**64 - 1 - i,
        "single": [0.1, None, -2.5][i % 3],
        "half": 0.5 * i,
        "kind": ["yes", "no"][i % 2],
        "grid": [[[1, 2], [], [3]], [], None][i % 3],
        "deep": [{"names": ["a", None], "at": {"x": i}}, None, {"names": None, "at": None}][: i % 4],
        "maybe": [None, {"x": 1, "y": None}, {"x": None, "y": ["z"]}][i % 3],
        "bytes": f"text {i}",
    }
    for i in range(200)
]
TYPES_SCHEMA = pa.schema([
    ("big", pa.uint64()),
    ("single", pa.float32()),
    ("half", pa.float16()),
    ("kind", pa.dictionary(pa.int32(), pa.string())),
    ("grid", pa.list_(pa.list_(pa.int32()))),
    ("deep", pa.list_(pa.struct([("names", pa.list_(pa.string())), ("at", pa.struct([("x", pa.int16())]))]))),
    ("maybe", pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))])),
    ("bytes", pa.binary()),
])
types = pa.Table.from_pylist([{**row, "bytes": row["bytes"].encode()} for row in TYPES], TYPES_SCHEMA)
pq.write_table(types, HERE / "types.parquet", compression="zstd", row_group_size=90, data_page_size=200)
# Single precision is written down as the double that it is.
singles = types.column("single").to_pylist()
TYPES = [{**row, "single": single} for row, single in zip(TYPES, singles)]
(HERE / "types.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TYPES))

# Row 2 is no UTF-8, though the file says that it is text.
texts = pa.array([b"fine", b"caf\xe9", b"good"], pa.binary())
texts = pa.StringArray.from_buffers(3, *texts.buffers()[1:])
choices = pa.StructArray.from_arrays([texts], ["text"])
pq.write_table(pa.table({"id": [1, 2, 3], "choices": choices}), HERE / "latin1.parquet")

# Row 2 is longer than what is read of a row.
long = pa.table({"id": [1, 2, 3], "text": ["a", "x" * (17 << 20), "c"]})
pq.write_table(long, HERE / "long.parquet", compression="zstd", use_dictionary=False, write_statistics=False)
