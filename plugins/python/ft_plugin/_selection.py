"""Which part of the cache a rule moves: three options that any rule can have, and the wrapper that applies them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Optional, Type

from ._description import Description
from ._errors import InvalidOption
from ._moving_part import MovingPart
from ._optimizer import MetaOptimizer, Update
from ._options import Options
from ._step import Slot, SlotKind, Step


def selected(rule: Type[MetaOptimizer]) -> Type[MetaOptimizer]:
    """A rule that moves the part of the cache that the user selects, all of it by default.

    `rule` is written as if it moved the whole cache. Its step has only the slots that are to move, without the positions
    that are to stay, in the usual order and the same ones in every step. What it does not see stays as it was bit by bit:
    it is part of every cache that the rule asks about, and no part of a proposal or a gradient. The rule's positions count
    from the first that moves; positions that stay cannot be hidden from a pass. Its options are joined by

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

        def step(self, step: Step) -> Update:
            part = self._selection.moving_part(step)
            update = self._rule.step(part)
            return replace(update, cache=part.complete(update.cache))

    return Selected


class _Selection:
    """The three options as they were set."""

    def __init__(self, options: Options):
        self._kind = {"both": None, "keys": SlotKind.KEY, "values": SlotKind.VALUE}[options.text("update")]
        self._skip = options.integer("skip_first")
        self._layers = _layers(options.text("layers"))

    def moving_part(self, step: Step) -> MovingPart:
        """What of a step's cache moves; `InvalidOption` if the selection does not fit it."""
        self._check(step.slots())
        return MovingPart(step, self._takes, self._skip)

    def _takes(self, slot: Slot) -> bool:
        return self._kind in (None, slot.kind) and (self._layers is None or slot.layer in self._layers)

    def _check(self, slots: List[Slot]) -> None:
        if not slots:
            return
        count = slots[-1].layer + 1
        if self._layers is not None and self._layers.stop > count:
            selection = f"layers={self._layers.start}..{self._layers.stop}"
            raise InvalidOption(f"`{selection}` goes beyond the model, which has the layers 0..{count}")
        positions = slots[0].matrix.shape[1]
        if self._skip and self._skip >= positions:
            raise InvalidOption(
                f"`skip_first={self._skip}` leaves nothing to move, since the cache has {positions} positions"
            )


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
