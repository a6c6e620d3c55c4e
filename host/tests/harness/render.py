"""What lm-evaluation-harness renders for task files, over rows of this project's own.

Reads a JSON array of cases from standard input, each with the file of a task (`yaml`: below the package's own folder of
tasks, or an absolute path) and a file of rows (`rows`, JSONL) that stands for all of its splits; writes a JSON array with, for
each case, what the harness's own code makes of the rows:

- `queries`: for each row, context and continuation of every choice, with no demonstrations;
- `right`: for each row, the index of the choice that the harness counts as right;
- `behind_one`: the context of the first row behind each row as its only demonstration;
- `behind_two`: the context of each row behind the first two rows.

The scorer of the harness scores whitespace at a context's end together with the continuation; pairs are given as they are
scored. Nothing is fetched: the data set is the rows.

    pip install lm-eval==0.4.13
    python render.py < cases.json
"""

import json
import logging
import sys
from pathlib import Path

import datasets
import lm_eval.tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml


class Rows(dict):
    """Every split is the same rows."""

    def __init__(self, rows):
        super().__init__()
        self.rows = datasets.Dataset.from_list(rows)

    def __missing__(self, split):
        return self.rows


class Fixed:
    """A sampler that draws what it is told to."""

    def __init__(self, docs):
        self.docs = docs

    def sample(self, n, **_):
        assert n == len(self.docs)
        return self.docs


def task_of(config, rows):
    """A task over rows; structure that is no part of a task's own configuration is left out, as the harness does."""
    config = {key: value for key, value in config.items() if key not in ("tag", "group", "task_list")}

    class OverRows(ConfigurableTask):
        def download(self, dataset_kwargs=None, **kwargs):
            self.dataset = Rows(rows)

    return OverRows(config=config)


def as_scored(context, continuation):
    """Whitespace at the context's end goes to the continuation."""
    bare = context.rstrip()
    return bare, context[len(bare):] + continuation


def queries(task, docs):
    pairs = []
    for doc in docs:
        requests = task.construct_requests(doc, task.fewshot_context(doc, 0), metadata=("", 0, 1))
        if "acc_mutual_info" in task._metric_fn_list:
            requests = requests[: len(requests) // 2]
        pairs.append([as_scored(*request.args) for request in requests])
    return pairs


def right(task, doc):
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    return task.doc_to_choice(doc).index(gold) if isinstance(gold, str) else int(gold)


def behind(task, doc, demonstrations):
    task.sampler = Fixed(demonstrations)
    contexts = task.fewshot_context(doc, len(demonstrations))
    contexts = contexts if isinstance(contexts, list) else [contexts]
    return [as_scored(context, "")[0] for context in contexts]


def rendered(case):
    rows = [json.loads(line) for line in Path(case["rows"]).read_text(encoding="utf-8").splitlines()]
    file = Path(lm_eval.tasks.__file__).parent / case["yaml"]
    task = task_of(load_yaml(file), rows)
    docs = list(task.eval_docs)
    demonstrations = list(task.fewshot_docs())
    return {
        "queries": queries(task, docs),
        "right": [right(task, doc) for doc in docs],
        "behind_one": [behind(task, docs[0], [row]) for row in demonstrations],
        "behind_two": [behind(task, doc, demonstrations[:2]) for doc in docs],
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    json.dump([rendered(case) for case in json.load(sys.stdin)], sys.stdout, ensure_ascii=False)
