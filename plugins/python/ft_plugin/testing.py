"""For the tests of plugins in plain Python: rows from a file, and small caches of plain numbers with the host's part of a
step."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Union

from ._model import Matrices, Model
from ._optimizer import MetaOptimizer
from ._row import Row
from ._task import Example, Split, Task
from ._tensor import Dtype, Tensor

__all__ = ["Model", "cache", "examples", "matrix", "numbers", "steps"]


def examples(task: Task, file: Union[str, Path], split: Split) -> List[Example]:
    """What a task makes of the rows of a JSON lines file."""
    lines = [line for line in Path(file).read_text(encoding="utf-8").split("\n") if line.strip()]
    unlabelled = split is Split.UNLABELLED
    return [task.example(split, Row.parse(index, line, unlabelled)) for index, line in enumerate(lines)]


def steps(rule: MetaOptimizer, cache: Matrices, proposals: Sequence[Matrices]) -> List[List[List[float]]]:
    """Takes a rule from `cache` through one step for each of `proposals`, counted from 2 as the host does, and gives the
    cache after each step. A cache is the keys of layer 0, the values of layer 0, the keys of layer 1, and so on, a number
    for each position. For rules that ask more than that, see `Model`."""
    tensors = [matrix(values) for values in cache]
    after = []
    for number, proposed in enumerate(proposals, start=2):
        model = Model(propose=lambda *_, proposed=proposed: proposed)
        tensors = list(rule.step(model.step(number, tensors)).cache)
        after.append(numbers(tensors))
    return after


def cache(numbers: Matrices) -> List[Tensor]:
    """A cache of one `matrix` for each slot: keys of layer 0, values of layer 0, keys of layer 1, and so on."""
    return [matrix(values) for values in numbers]


def matrix(values: Sequence[float]) -> Tensor:
    """A matrix of one head, with a number for each position."""
    return Tensor.from_values([1, len(values), 1], Dtype.FP32, values)


def numbers(cache: Sequence[Tensor]) -> List[List[float]]:
    """The numbers of each slot of a cache, in row-major order."""
    return [tensor.read_with_copy() for tensor in cache]
