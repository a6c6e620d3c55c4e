"""Writes python_random.json and tasks.json beside this file: what CPython's own `random` draws, and the prompts of all
tasks over their samples (`tasks/*/sample`), rendered by this script alone.

    python3 host/tests/data/sampling/make.py

Any CPython 3 from 3.2 on gives the same files.
"""

import hashlib
import json
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[3] / "tasks"
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


def sentence(column, label, head, tail, names):
    """A row of a task with classes: query, choices, answer, and how a choice is rendered."""
    def item(row):
        query = row[column].strip()
        context = f"{head}: {query}\n{tail}:"
        return query, names, row[label], lambda choice: (context, context + " " + choice)
    return item


def lettered(column, end):
    def item(row):
        texts, letters = row["choices"]["text"], row["choices"]["label"]
        query = row[column]
        return query, texts, letters.index(row["answerKey"]), lambda choice: (query, query + " " + choice + end)
    return item


def hellaswag(row):
    query = row["ctx"]
    return query, row["endings"], int(row["label"]), lambda ending: (query, query + " " + ending)


def copa(row):
    premise = row["premise"]
    start = premise[:-1] if premise.endswith(".") else premise
    start += {"cause": " because", "effect": " therefore"}[row["question"]]
    return premise, [row["choice1"], row["choice2"]], row["label"], lambda choice: (start, start + " " + choice)


def winogrande(oneline):
    def item(row):
        before, after = (part.strip() for part in row["sentence"].split("_"))
        choices = [row["option1"], row["option2"]]
        return (row["sentence"], choices, int(row["answer"]) - 1,
                lambda choice: ("" if oneline else before, before + " " + choice + " " + after))
    return item


REVIEW = "Review", "Sentiment"
# Task: its options, its evaluation split, how many classes it has (0: none), how a row becomes an item.
TASKS = [
    ("agnews", {}, "test", 4,
     sentence("text", "label", "Article", "Category", ["World", "Sports", "Business", "Technology"])),
    ("copa", {}, "validation", 0, copa),
    ("hellaswag", {}, "validation", 0, hellaswag),
    ("mr", {}, "validation", 2, sentence("text", "label", *REVIEW, ["negative", "positive"])),
    ("obqa", {}, "validation", 0, lettered("question_stem", ".")),
    ("qasc", {}, "validation", 0, lettered("question", "")),
    ("sst2", {}, "validation", 2, sentence("sentence", "label", *REVIEW, ["negative", "positive"])),
    ("sst5", {}, "validation", 5,
     sentence("text", "label", *REVIEW, ["terrible", "negative", "neutral", "positive", "great"])),
    ("trec", {}, "test", 6,
     sentence("text", "coarse_label", "Question", "Type",
              ["Abbreviation", "Entity", "Description", "Person", "Location", "Number"])),
    ("winogrande", {}, "validation", 0, winogrande(False)),
    ("winogrande", {"prompt": "oneline"}, "validation", 0, winogrande(True)),
]


def items(task, split, item):
    path = SAMPLES / task / "sample" / f"{split}.jsonl"
    return [item(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def draw(task, classes, train, n_evaluation, seed, sampling, shots, evaluation_sample):
    """The authors' order: evaluation rows first, then demonstrations, from one stream; then rows to hold out."""
    rng = random.Random(seed)
    evaluation = list(range(n_evaluation))
    if evaluation_sample is not None:
        evaluation = rng.sample(evaluation, evaluation_sample)
    if sampling == "first":
        chosen = list(range(shots))
    elif sampling == "stratified" and classes:
        by_label = {}
        for i, (_, _, answer, _) in enumerate(train):
            by_label.setdefault(answer, []).append(i)
        total = classes * shots
        chosen = []
        for indices in by_label.values():
            chosen += rng.sample(indices, total // len(by_label))
        chosen += rng.sample(sorted(set(range(len(train))) - set(chosen)), total - len(chosen))
        rng.shuffle(chosen)
    else:
        chosen = rng.sample(range(len(train)), shots)
    left = [i for i in range(len(train)) if i not in chosen]
    shown = [train[i] for i in chosen]
    return {
        "task": task,
        "seed": seed,
        "sampling": sampling,
        "shots": shots,
        "evaluation_sample": evaluation_sample,
        "evaluation": evaluation[:20],
        "demonstrations": chosen,
        "held_out": sorted(rng.sample(left, 7)),
        # Rows in full where they are few; the rest is the same rendering of more rows.
        "text": "".join(render(choices[answer])[1] + "\n\n" for _, choices, answer, render in shown)
                if len(shown) <= 6 else None,
    }


def prompts(task, options, split, rows):
    """All prompts of a sample: the first two rows in full, all of them as one digest."""
    rendered = [[render(choice) for choice in choices] for _, choices, _, render in rows]
    digest = hashlib.sha256()
    for row in rendered:
        for context, full in row:
            digest.update(f"{context}\n{full}\n".encode())
    return {"task": task, "options": options, "rows": len(rows), "split": split, "first": rendered[:2],
            "answers": [answer for _, _, answer, _ in rows], "sha256": digest.hexdigest()}


def tasks():
    draws, texts = [], []
    for task, options, split, classes, item in TASKS:
        train, evaluation = items(task, "train", item), items(task, split, item)
        texts.append(prompts(task, options, split, evaluation))
        texts.append(prompts(task, options, "train", train))
        if options:
            continue
        ways = [("stratified", 1, None), ("stratified", 2, 50), ("random", 3, None), ("random", 2, 50), ("first", 2, 50)]
        draws += [draw(task, classes, train, len(evaluation), seed, *way) for seed in (0, 1, 2**32 + 1) for way in ways]
        draws.append(draw(task, classes, train, len(evaluation), 99, "stratified", 0, None))
        draws.append(draw(task, classes, train, len(evaluation), 3, "stratified", 8, 1))
    return {"draws": draws, "prompts": texts}


def write(name, value):
    """One list element a line, so that a difference is easy to see."""
    parts = [f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, items)) + "\n]" for key, items in value.items()]
    (HERE / name).write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write("python_random.json", python_random())
    write("tasks.json", tasks())
