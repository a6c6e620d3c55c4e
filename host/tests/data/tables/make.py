"""Makes the Parquet files beside this script and rows.jsonl with the same rows (pip install pyarrow).

    python make.py
"""

import datetime
import decimal
import json
import math
import uuid
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
pq.write_table(table, HERE / "brotli.parquet", compression="brotli")
(HERE / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))

# A compression that this writer does not have, by the number that the format gives it: 0 is none, 3 LZO (twice that in
# Thrift's compact form, behind the header of the field).
pq.write_table(pa.table({"text": ["a"]}), HERE / "lzo.parquet", compression="none", use_dictionary=False)
codec, lzo = b"\x04text\x15\x00", b"\x04text\x15\x06"
whole = (HERE / "lzo.parquet").read_bytes()
assert whole.count(codec) == 1
(HERE / "lzo.parquet").write_bytes(whole.replace(codec, lzo))

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

# A value of every type that a writer may have, at its ends and on both sides of 1970, and what the reader beside this one
# makes of it as a text.
DAY = datetime.date(1970, 1, 1)
NANOS = [0, 1, -1, 1577934245678901234, -1577934245678901234, 2**62, -(2**62), None]
MILLIS = [0, 1, -1, 1577934245678, -1577934245678, 253402300799999, -62135596800000, None]
OF_DAY = [0, 1, 86399, 45296, 3600, 60, 59, None]


def decimals(precision, scale, width=128):
    digits = [0, 1, -1, 10**precision - 1, 1 - 10**precision, 120, -120 % 10**precision, None]
    kind = pa.decimal256 if width == 256 else pa.decimal128
    with decimal.localcontext(decimal.Context(prec=80)):
        values = [None if digit is None else decimal.Decimal(digit).scaleb(-scale) for digit in digits]
    return pa.array(values, kind(precision, scale))


def times(values, unit, zone=None):
    return pa.array(values, pa.int64()).cast(pa.timestamp(unit, zone))


VALUES = {
    "i8": pa.array([0, 1, -1, 127, -128, 5, 6, None], pa.int8()),
    "i16": pa.array([0, 1, -1, 2**15 - 1, -(2**15), 5, 6, None], pa.int16()),
    "i32": pa.array([0, 1, -1, 2**31 - 1, -(2**31), 5, 6, None], pa.int32()),
    "i64": pa.array([0, 1, -1, 2**63 - 1, -(2**63), 5, 6, None], pa.int64()),
    "u8": pa.array([0, 1, 2, 2**8 - 1, 128, 5, 6, None], pa.uint8()),
    "u16": pa.array([0, 1, 2, 2**16 - 1, 2**15, 5, 6, None], pa.uint16()),
    "u32": pa.array([0, 1, 2, 2**32 - 1, 2**31, 5, 6, None], pa.uint32()),
    "u64": pa.array([0, 1, 2, 2**64 - 1, 2**63, 5, 6, None], pa.uint64()),
    "f16": pa.array([0.0, 1.0, -1.5, 65504.0, 6e-8, math.nan, -math.inf, None], pa.float32()).cast(pa.float16()),
    "f32": pa.array([0.0, 1.0, -1.5, 3.4e38, 1e-45, math.nan, math.inf, None], pa.float32()),
    "f64": pa.array([0.0, 0.1, -1.5, 1.7e308, 5e-324, math.nan, math.inf, None], pa.float64()),
    "whole": decimals(19, 0),
    "d9": decimals(9, 2),
    "d18": decimals(18, 6),
    "d38": decimals(38, 38),
    "d76": decimals(76, 10, 256),
    "small": decimals(5, 5),
    "date": pa.array([0, 1, -1, 11016, -25508, 2932896, -719162, None], pa.int32()).cast(pa.date32()),
    "time_ms": pa.array([None if n is None else n * 1000 + 7 for n in OF_DAY], pa.int32()).cast(pa.time32("ms")),
    "time_us": pa.array([None if n is None else n * 10**6 + 7 for n in OF_DAY], pa.int64()).cast(pa.time64("us")),
    "time_ns": pa.array([None if n is None else n * 10**9 + 7 for n in OF_DAY], pa.int64()).cast(pa.time64("ns")),
    "s": times([None if n is None else n // 1000 for n in MILLIS], "s"),
    "ms": times(MILLIS, "ms"),
    "us": times([None if n is None else n * 1000 for n in MILLIS], "us"),
    "ns": times(NANOS, "ns"),
    "ms_utc": times(MILLIS, "ms", "UTC"),
    "us_utc": times([None if n is None else n * 1000 for n in MILLIS], "us", "UTC"),
    "ns_utc": times(NANOS, "ns", "UTC"),
    "ns_there": times(NANOS, "ns", "Asia/Tokyo"),
    "uuid": pa.array([uuid.UUID(int=n * 0x1234567890abcdef1234567890abcdef % 2**128).bytes for n in range(7)] + [None],
                     pa.uuid()),
    "json": pa.array(['{"a": 1}', "[]", '"x"', "0", "null", "1.50", "{}", None], pa.json_()),
    "blob": pa.array([b"\xff\x00", b"text", b"", b"\x80", b"e\xcc\x81", b"\xc3", b"a", None], pa.binary()),
    "nothing": pa.nulls(8),
}


def expected(column):
    kind = column.type
    if pa.types.is_decimal(kind):
        return [None if value is None else format(value, "f") for value in column.to_pylist()]
    if pa.types.is_timestamp(kind) and kind.tz:
        naive = column.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit))
        return [None if text is None else text + " +00:00" for text in naive.cast(pa.string()).to_pylist()]
    if pa.types.is_temporal(kind):
        return column.cast(pa.string()).to_pylist()
    if pa.types.is_floating(kind):
        return [None if value is None or not math.isfinite(value) else float(value) for value in column.to_pylist()]
    if kind == pa.uuid():
        return [None if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_binary(kind):
        return [text_or_none(value) for value in column.to_pylist()]
    return column.to_pylist()


def text_or_none(value):
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


for name, columns, options in [
    ("values", VALUES, {"store_decimal_as_integer": True}),
    ("values_old", {name: VALUES[name] for name in ["u32", "whole", "d9", "date", "time_ms", "ms", "us", "ms_utc"]},
     {"version": "1.0"}),
    ("values_int96", {name: VALUES[name] for name in ["us", "ns"]}, {"use_deprecated_int96_timestamps": True}),
]:
    if name == "values_int96":
        # Its days are counted in nanoseconds by other readers.
        columns = {"us": times([None if n is None else n // 1000 for n in NANOS], "us"), "ns": columns["ns"]}
    pq.write_table(pa.table(columns), HERE / f"{name}.parquet", **options)
    read = pq.read_table(HERE / f"{name}.parquet")
    rows = zip(*(expected(read.column(name)) for name in read.column_names))
    lines = (json.dumps(dict(zip(read.column_names, row)), ensure_ascii=False) + "\n" for row in rows)
    (HERE / f"{name}.jsonl").write_text("".join(lines))
