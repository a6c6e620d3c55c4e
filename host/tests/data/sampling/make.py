"""Writes python_random.json and selection.json beside this file, with CPython's own `random`.

    python3 host/tests/data/sampling/make.py

Any CPython 3 from 3.2 on gives the same files.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[3] / "tasks" / "sst2" / "sample"
SEEDS = [0, 1, 2, 3, 7, 42, 1234, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**53 + 5, 2**64 - 1]


def stream(seed):
    rng = random.Random(seed)
    return {
        "seed": seed,
        "random": [int(rng.random() * 2**53) for _ in range(700)][::50],
        "bits": [[n, rng.getrandbits(n)] for n in (1, 5, 31, 32, 33, 53, 63, 64, 8)],
        "below": [[n, rng.randrange(n)] for n in (1, 2, 3, 8, 10, 64, 1000, 2**20, 2**32, 2**33 + 1, 2**40)],
    }


def sample(seed, population, count):
    rng = random.Random(seed)
    drawn = rng.sample(range(population), count)
    return {
        "seed": seed,
        "population": population,
        "count": count,
        "first": drawn[:8],
        "sum": sum((i + 1) * n for i, n in enumerate(drawn)) % 2**32,
        "next": rng.getrandbits(32),
    }


def shuffle(seed, n):
    rng = random.Random(seed)
    order = list(range(n))
    rng.shuffle(order)
    return {"seed": seed, "order": order}


def python_random():
    # Around every place where `sample` changes from a list to a set, and sizes of real data sets.
    shapes = [(n, k) for k in (0, 1, 2, 5) for n in (k, k + 1, 20, 21, 22, 1000) if n >= k]
    shapes += [(n, k) for k in (6, 21, 22, 85, 86) for size in (21 + 64, 21 + 256, 21 + 1024)
               for n in (size - 1, size, size + 1) if n >= k]
    shapes += [(7600, 2000), (10042, 2000), (67349, 4), (120000, 8), (4117, 1000), (4118, 1000)]
    return {
        "streams": [stream(seed) for seed in SEEDS],
        "samples": [sample(seed, n, k) for seed in (0, 1, 5, 2**40 + 3) for n, k in shapes],
        "shuffles": [shuffle(seed, n) for seed, n in ((0, 0), (0, 1), (0, 2), (1, 16), (2, 17), (2**63, 100))],
    }


def rows(split):
    return [json.loads(line) for line in (SAMPLE / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def selection(seed, shots, stratified, evaluation_sample):
    """The authors' order: evaluation rows first, then demonstrations, from one stream."""
    train, validation = rows("train"), rows("validation")
    rng = random.Random(seed)
    evaluation = list(range(len(validation)))
    if evaluation_sample is not None:
        evaluation = rng.sample(evaluation, evaluation_sample)
    if stratified:
        by_label = {}
        for i, row in enumerate(train):
            by_label.setdefault(row["label"], []).append(i)
        total = 2 * shots
        chosen = []
        for indices in by_label.values():
            chosen += rng.sample(indices, total // len(by_label))
        rest = sorted(set(range(len(train))) - set(chosen))
        chosen += rng.sample(rest, total - len(chosen))
        rng.shuffle(chosen)
    else:
        chosen = rng.sample(range(len(train)), shots)
    names = ["negative", "positive"]
    text = "".join(
        f"Review: {train[i]['sentence'].strip()}\nSentiment: {names[train[i]['label']]}\n\n" for i in chosen
    )
    return {
        "seed": seed,
        "shots": shots,
        "stratified": stratified,
        "evaluation_sample": evaluation_sample,
        "demonstrations": chosen,
        "evaluation": evaluation,
        "text": text if shots <= 2 else None,
    }


def selections():
    cases = [(seed, shots, stratified, size)
             for seed in (0, 1, 2, 99, 2**32) for shots in (1, 2) for stratified in (True, False) for size in (None, 50)]
    cases += [(0, 0, True, None), (0, 0, False, 50), (3, 8, True, 120), (3, 40, True, 1), (4, 80, False, None)]
    return [selection(*case) for case in cases]


def write(name, value):
    """One list element a line, so that a difference is easy to see."""
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, items)) + "\n]" for key, items in value.items()]
        text = "{\n" + ",\n".join(parts) + "\n}\n"
    else:
        text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n]\n"
    (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write("python_random.json", python_random())
    write("selection.json", selections())
