"""For the tests of plugins in plain Python: rows from a file, and small caches of plain numbers with the host's part of a
step."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Union

from ._optimizer import MetaOptimizer, Slot, SlotKind
from ._row import Row
from ._task import Example, Split, Task
from ._tensor import Dtype, Tensor

Matrices = Sequence[Sequence[float]]


def examples(task: Task, file: Union[str, Path], split: Split) -> List[Example]:
    """What a task makes of the rows of a JSON lines file."""
    lines = [line for line in Path(file).read_text(encoding="utf-8").split("\n") if line.strip()]
    return [task.example(split, Row.parse(index, line)) for index, line in enumerate(lines)]


def steps(rule: MetaOptimizer, cache: Matrices, proposals: Sequence[Matrices]) -> List[List[List[float]]]:
    """Takes a rule from `cache` through one step for each of `proposals`, counted from 2 as the host does, and gives the
    cache after each step. A cache is the keys of layer 0, the values of layer 0, the keys of layer 1, and so on, a number
    for each position."""
    tensors = [matrix(values) for values in cache]
    after = []
    for step, proposed in enumerate(proposals, start=2):
        tensors = list(rule.step(step, slots(tensors, proposed)).cache)
        after.append([tensor.read_with_copy() for tensor in tensors])
    return after


def slots(cache: Sequence[Tensor], proposed: Matrices) -> List[Slot]:
    """The slots of a step: a cache, and what a pass proposes for it."""
    kinds = [SlotKind.KEY, SlotKind.VALUE]
    pairs = enumerate(zip(cache, proposed))
    return [Slot(index // 2, kinds[index % 2], previous, matrix(values)) for index, (previous, values) in pairs]


def matrix(values: Sequence[float]) -> Tensor:
    """A matrix of one head, with a number for each position."""
    return Tensor.from_values([1, len(values), 1], Dtype.FP32, values)
