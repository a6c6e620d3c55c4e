"""Which part of the cache a rule moves: three options that any rule can have, and the wrapper that applies them."""

from __future__ import annotations

import re
from typing import List, Optional, Type

from ._description import Description
from ._errors import Failed, InvalidOption
from ._optimizer import MetaOptimizer, Slot, SlotKind, Update
from ._options import Options
from ._tensor import Tensor


def selected(rule: Type[MetaOptimizer]) -> Type[MetaOptimizer]:
    """A rule that moves the part of the cache that the user selects, all of it by default.

    `rule` is written as if it moved the whole cache. It is handed only the slots that are to move, without the positions
    that are to stay, in the usual order and the same ones in every step. What it is not handed stays as it was bit by
    bit. Its options are joined by

    - `update`: `both`, `keys` or `values`;
    - `skip_first`: how many positions at the start stay as they are;
    - `layers`: `FROM..TO`, counted from 0 and without `TO`; `all` or nothing for all of them.
    """

    class Selected(MetaOptimizer):
        __doc__ = rule.__doc__
        description = _with_selection(rule.description)

        def __init__(self, options: Options):
            self._selection = _Selection(options)
            self._rule = rule(options)

        def step(self, step: int, slots: List[Slot]) -> Update:
            return self._selection.step(self._rule, step, slots)

    return Selected


class _Selection:
    """The three options as they were set."""

    def __init__(self, options: Options):
        self._kind = {"both": None, "keys": SlotKind.KEY, "values": SlotKind.VALUE}[options.text("update")]
        self._skip = options.integer("skip_first")
        self._layers = _layers(options.text("layers"))

    def step(self, rule: MetaOptimizer, step: int, slots: List[Slot]) -> Update:
        length = self._moving_positions(slots)
        moving = [self._moving(slot, length) for slot in slots if self._takes(slot)]
        expected = len(moving)
        update = rule.step(step, moving)
        if len(update.cache) != expected:
            raise Failed(f"the rule gave {len(update.cache)} matrices for {expected} slots")
        moved = iter(update.cache)
        whole = [self._whole(slot.previous, next(moved)) if self._takes(slot) else slot.previous for slot in slots]
        return Update(whole, update.converged)

    def _takes(self, slot: Slot) -> bool:
        return self._kind in (None, slot.kind) and (self._layers is None or slot.layer in self._layers)

    def _moving(self, slot: Slot, length: int) -> Slot:
        if self._skip == 0:
            return slot
        previous, proposed = (matrix.narrow(1, self._skip, length) for matrix in (slot.previous, slot.proposed))
        return Slot(slot.layer, slot.kind, previous, proposed)

    def _whole(self, previous: Tensor, moved: Tensor) -> Tensor:
        return Tensor.concat([previous.narrow(1, 0, self._skip), moved], 1) if self._skip else moved

    def _moving_positions(self, slots: List[Slot]) -> int:
        """How many positions of a slot move, once the selection is known to fit this cache."""
        if not slots:
            return 0
        count = slots[-1].layer + 1
        if self._layers is not None and self._layers.stop > count:
            selection = f"layers={self._layers.start}..{self._layers.stop}"
            raise InvalidOption(f"`{selection}` goes beyond the model, which has the layers 0..{count}")
        positions = slots[0].previous.shape[1]
        if self._skip and self._skip >= positions:
            raise InvalidOption(
                f"`skip_first={self._skip}` leaves nothing to move, since the cache has {positions} positions"
            )
        return positions - self._skip


def _layers(text: str) -> Optional[range]:
    """`FROM..TO`, or none for all layers."""
    text = text.strip()
    if text in ("", "all"):
        return None
    bounds = re.fullmatch(r"([0-9]+)\s*\.\.\s*([0-9]+)", text)
    if bounds is None:
        raise InvalidOption(f"`layers` takes FROM..TO, like 0..15, or `all`, and `{text}` is neither")
    start, stop = int(bounds[1]), int(bounds[2])
    if start >= stop:
        raise InvalidOption(f"`layers={text}` holds no layer: FROM has to be less than TO")
    return range(start, stop)


def _with_selection(description: Description) -> Description:
    return (
        description.choice(
            "update",
            "both",
            ["both", "keys", "values"],
            "which matrices of a layer move; the others stay as they are",
        )
        .integer(
            "skip_first",
            0,
            "how many positions at the start of the cache stay as they are",
            minimum=0,
            maximum=2**32 - 1,
        )
        .text(
            "layers",
            "all",
            "which layers move: FROM..TO, counted from 0 and without TO, like 0..15; `all` for every layer",
        )
    )
