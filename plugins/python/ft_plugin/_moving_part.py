"""A step behind a selection: what does not move is cut off whatever comes, and put back to whatever is asked or answered."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, TypeVar

from ._errors import Failed
from ._question import Demonstration, Examples, Gradient, Objective, Positions
from ._step import Proposal, Slot, Step, spans
from ._tensor import Tensor

T = TypeVar("T")


class MovingPart(Step):
    """The part of a step's cache that moves: some slots, without some positions at their start."""

    def __init__(self, whole: Step, takes: Callable[[Slot], bool], skip: int):
        slots = whole.slots()
        self._whole, self._skip = whole, skip
        self._moves = [takes(slot) for slot in slots]
        # Of each slot, what does not move; `None` for nothing.
        self._still = [self._first(slot.matrix) if takes(slot) else slot.matrix for slot in slots]

    def complete(self, cache: Sequence[Tensor]) -> List[Tensor]:
        """Matrices for the part that moves, with what does not."""
        expected = sum(self._moves)
        if len(cache) != expected:
            raise Failed(f"expected {expected} matrices, one for each slot that moves, got {len(cache)}")
        moved = iter(cache)
        return [self._joined(still, next(moved)) if moves else still for moves, still in zip(self._moves, self._still)]

    @property
    def number(self) -> int:
        return self._whole.number

    @property
    def seed(self) -> int:
        return self._whole.seed

    @property
    def held_out_rows(self) -> int:
        return self._whole.held_out_rows

    @property
    def passes_left(self) -> int:
        return self._whole.passes_left

    def slots(self) -> List[Slot]:
        return [Slot(slot.layer, slot.kind, self._rest(slot.matrix)) for slot in self._moving(self._whole.slots())]

    def demonstrations(self) -> List[Demonstration]:
        """What of a demonstration stands in positions that stay is not there."""
        back = lambda span: range(max(span.start - self._skip, 0), max(span.stop - self._skip, 0))
        return [Demonstration(back(one.tokens), back(one.answer)) for one in self._whole.demonstrations()]

    def proposal(self) -> List[Proposal]:
        # Not by `propose`: the host knows the current cache by its own tensors alone.
        cut = lambda slot: Proposal(slot.layer, slot.kind, self._rest(slot.previous), self._rest(slot.proposed))
        return [cut(slot) for slot in self._moving(self._whole.proposal())]

    def propose(
        self,
        cache: Sequence[Tensor],
        positions: Positions = Positions.CONFIGURED,
        hidden: Sequence[range] = (),
        order: Sequence[int] = (),
    ) -> List[Tensor]:
        """A demonstration of which nothing moves has no positions to hide."""
        hidden = [range(span.start + self._skip, span.stop + self._skip) for span in spans(hidden)]
        return self._cut(self._whole.propose(self.complete(cache), positions, hidden, order))

    def likelihood(self, cache: Sequence[Tensor], examples: Examples, objective: Objective) -> List[float]:
        return self._whole.likelihood(self.complete(cache), examples, objective)

    def gradient(
        self, cache: Sequence[Tensor], examples: Examples, objective: Objective, dropout: float = 0.0, seed: int = 0
    ) -> Gradient:
        gradient = self._whole.gradient(self.complete(cache), examples, objective, dropout, seed)
        return Gradient(gradient.loss, gradient.likelihoods, self._cut(gradient.slots))

    def _moving(self, whole: Sequence[T]) -> List[T]:
        return [one for moves, one in zip(self._moves, whole) if moves]

    def _cut(self, whole: Sequence[Tensor]) -> List[Tensor]:
        return [self._rest(matrix) for matrix in self._moving(whole)]

    def _first(self, matrix: Tensor) -> Optional[Tensor]:
        return matrix.narrow(1, 0, self._skip) if self._skip else None

    def _rest(self, matrix: Tensor) -> Tensor:
        return matrix.narrow(1, self._skip, matrix.shape[1] - self._skip) if self._skip else matrix

    def _joined(self, first: Optional[Tensor], rest: Tensor) -> Tensor:
        return rest if first is None else Tensor.concat([first, rest], 1)
