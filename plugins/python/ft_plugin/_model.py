"""What stands in for the model in a plugin's tests."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from ._errors import Unsupported
from ._optimizer import MetaOptimizer, Update
from ._question import Demonstration, Examples, Gradient, Objective, Positions
from ._step import Slot, SlotKind, Step, spans
from ._tensor import Tensor

Matrices = Sequence[Sequence[float]]
"""The numbers of each slot of a cache."""


class Model:
    """A model whose answers can be computed by hand: every example has a *target*, a cache behind which it is most likely, and
    the likelihood falls off with the squared distance from it.

    For a cache `C` and the target `T` of an example, summed over all numbers of all slots, the likelihood is
    `-|C - T|^2 / 2`. So the gradient over the examples is the mean of `C - T`, and the loss is least at the mean of the
    targets, which is what a pass proposes unless `propose` says otherwise. Leaving out, dropout and the objective change
    nothing in the numbers; `questions` has them, to compare.

    The demonstrations share the positions of the cache evenly, and the last position of each is its answer. The step's seed is
    its number.

        model = Model(targets=[[[2.0, 0.0]], [[4.0, 2.0]]])
        update = rule.step(model.step(2, cache([[0.0, 0.0]])))
    """

    def __init__(
        self,
        targets: Sequence[Matrices] = (),
        held_out: Sequence[Matrices] = (),
        propose: Optional[Callable[[Matrices, Positions, List[range], List[int]], Matrices]] = None,
        limit: int = 2**32 - 1,
    ):
        """`targets` are those of the demonstrations, `held_out` those of rows set aside. `propose` gives the numbers that a
        pass proposes, by those of the cache that is asked about and what is asked of the pass. A step that asks for more
        passes than `limit` fails."""
        self.targets, self.held_out, self.limit = targets, held_out, limit
        self.questions: List[tuple] = []
        """Everything that has been asked, in order, over all steps: `("propose", positions, hidden, order)`,
        `("likelihood", examples, objective)` or `("gradient", examples, objective, dropout, seed)`."""
        self._propose = propose or (lambda *_: _mean(self.targets))

    @property
    def passes(self) -> int:
        """How many passes have been asked for, over all steps."""
        return sum(map(_passes, self.questions))

    def step(self, number: int, cache: Sequence[Tensor]) -> Step:
        """A step from a cache, for a rule or to ask directly."""
        return _ModelStep(self, number, cache)

    def steps(self, rule: MetaOptimizer, cache: Sequence[Tensor], count: int) -> List[Update]:
        """Takes a rule from a cache through so many steps, counted from 2 as the host does, and gives what it makes of
        each."""
        updates = []
        for number in range(2, 2 + count):
            updates.append(rule.step(self.step(number, cache)))
            cache = updates[-1].cache
        return updates


class _ModelStep(Step):
    """The model in one step."""

    def __init__(self, model: Model, number: int, cache: Sequence[Tensor]):
        self._model, self._number, self._cache = model, number, list(cache)
        self._passes_left = model.limit
        # The plain proposal behind the current cache.
        self._plain: Optional[List[Tensor]] = None

    @property
    def number(self) -> int:
        return self._number

    @property
    def seed(self) -> int:
        return self._number

    @property
    def held_out_rows(self) -> int:
        return len(self._model.held_out)

    @property
    def passes_left(self) -> int:
        return self._passes_left

    def slots(self) -> List[Slot]:
        return [Slot(index // 2, SlotKind(index % 2), matrix) for index, matrix in enumerate(self._cache)]

    def demonstrations(self) -> List[Demonstration]:
        positions, count = self._positions(), len(self._model.targets)
        bounds = [positions * index // count for index in range(count + 1)] if count else []
        pairs = zip(bounds, bounds[1:])
        return [Demonstration(range(start, end), range(max(end - 1, start), end)) for start, end in pairs]

    def propose(
        self,
        cache: Sequence[Tensor],
        positions: Positions = Positions.CONFIGURED,
        hidden: Sequence[range] = (),
        order: Sequence[int] = (),
    ) -> List[Tensor]:
        hidden, order = spans(hidden), list(order)
        last, count = self._positions(), len(self._model.targets)
        assert all(span.stop <= last for span in hidden), f"expected spans within {last} positions, got {hidden}"
        each_once = not order or sorted(order) == list(range(count))
        assert each_once, f"expected each of {count} demonstrations once, got {order}"
        asked = self._numbers(cache)
        plain = (positions, hidden, order) == (Positions.CONFIGURED, [], []) and asked == self._numbers(self._cache)
        if plain and self._plain is not None:
            return list(self._plain)
        self._ask("propose", positions, hidden, order)
        proposed = self._tensors(self._model._propose(asked, positions, hidden, order))
        if plain:
            self._plain = proposed
        return list(proposed)

    def likelihood(self, cache: Sequence[Tensor], examples: Examples, objective: Objective) -> List[float]:
        targets, numbers = self._targets(examples), self._numbers(cache)
        self._ask("likelihood", examples, objective)
        return [_likelihood(numbers, target) for target in targets]

    def gradient(
        self, cache: Sequence[Tensor], examples: Examples, objective: Objective, dropout: float = 0.0, seed: int = 0
    ) -> Gradient:
        assert 0.0 <= dropout < 1.0, f"expected a dropout rate from 0 to below 1, got {dropout}"
        targets, numbers = self._targets(examples), self._numbers(cache)
        self._ask("gradient", examples, objective, dropout, seed)
        likelihoods = [_likelihood(numbers, target) for target in targets]
        pairs = zip(numbers, _mean(targets))
        slots = [[value - target for value, target in zip(slot, targets)] for slot, targets in pairs]
        return Gradient(-sum(likelihoods) / len(likelihoods), likelihoods, self._tensors(slots))

    def _ask(self, *question: object) -> None:
        assert _passes(question) <= self._passes_left, f"expected {self._model.limit} passes at most in a step"
        self._passes_left -= _passes(question)
        self._model.questions.append(question)

    def _targets(self, examples: Examples) -> Sequence[Matrices]:
        if examples is Examples.HELD_OUT:
            if not self._model.held_out:
                raise Unsupported("this run sets no rows aside to select the step by")
            return self._model.held_out
        count = len(self._model.targets)
        if examples is Examples.LEAVE_ONE_OUT and count < 2:
            raise Unsupported(f"leave-one-out needs two demonstrations or more, got {count}")
        if count == 0:
            raise Unsupported("the demonstrations of this run are not known one by one")
        return self._model.targets

    def _numbers(self, cache: Sequence[Tensor]) -> List[List[float]]:
        """The numbers of a cache, once it is known to have the slots' shapes and dtypes."""
        form = lambda tensors: [(tensor.shape, tensor.dtype) for tensor in tensors]
        assert form(cache) == form(self._cache), f"expected {form(self._cache)}, got {form(cache)}"
        return [tensor.read_with_copy() for tensor in cache]

    def _tensors(self, numbers: Matrices) -> List[Tensor]:
        pairs = zip(self._cache, numbers)
        return [Tensor.from_values(slot.shape, slot.dtype, values) for slot, values in pairs]

    def _positions(self) -> int:
        return self._cache[0].shape[1] if self._cache else 0


def _passes(question: tuple) -> int:
    return 2 if question[0] == "gradient" else 1


def _likelihood(cache: Matrices, target: Matrices) -> float:
    pairs = (pair for slots in zip(cache, target) for pair in zip(*slots))
    return -0.5 * sum((value - wanted) ** 2 for value, wanted in pairs)


def _mean(caches: Sequence[Matrices]) -> List[List[float]]:
    return [[sum(values) / len(values) for values in zip(*slots)] for slots in zip(*caches)]
