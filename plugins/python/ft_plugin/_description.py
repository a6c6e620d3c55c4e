"""What a plugin is and which options it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Sequence, Tuple, Union

Value = Union[bool, int, float, str]


@dataclass(frozen=True)
class OptionSpec:
    """An option that a user may set with `-O name=value`; made by the methods of `Description`."""

    name: str
    """Lower case letters, digits and `_`."""
    help: str
    """What it does, in one sentence."""
    kind: str
    """`boolean`, `integer`, `number`, `text` or `choice`. The host checks values before the plugin sees them."""
    default: Value
    """Its value when the user sets none."""
    minimum: Union[int, float, None] = None
    """The least value allowed, of an integer or a number."""
    maximum: Union[int, float, None] = None
    """The greatest value allowed, of an integer or a number."""
    choices: Tuple[str, ...] = ()
    """The texts to choose from."""


@dataclass(frozen=True)
class Description:
    """What a plugin is: its name, its version, what it does, and its options.

    Its methods give a new description with one more option::

        Description("gate", "0.1.0", "C = eta * P + (1 - eta) * C").number("eta", 0.1, "how much comes in", minimum=0.0)
    """

    name: str
    """Lower case letters, digits, `-` and `_`."""
    version: str
    """The plugin's own version, `MAJOR.MINOR.PATCH`."""
    summary: str
    """What it does, in one sentence; for a rule or a prompt from the literature, where it is from."""
    options: Tuple[OptionSpec, ...] = ()
    """The options that it takes."""

    def boolean(self, name: str, default: bool, help: str) -> Description:
        """With an option that is `true` or `false`."""
        return self._with(OptionSpec(name, help, "boolean", bool(default)))

    def integer(
        self, name: str, default: int, help: str, *, minimum: Optional[int] = None, maximum: Optional[int] = None
    ) -> Description:
        """With an option that is a whole number, within inclusive bounds where they are given."""
        return self._with(OptionSpec(name, help, "integer", int(default), minimum, maximum))

    def number(
        self, name: str, default: float, help: str, *, minimum: Optional[float] = None, maximum: Optional[float] = None
    ) -> Description:
        """With an option that is a real number, within inclusive bounds where they are given."""
        low, high = (None if bound is None else float(bound) for bound in (minimum, maximum))
        return self._with(OptionSpec(name, help, "number", float(default), low, high))

    def text(self, name: str, default: str, help: str) -> Description:
        """With an option that is any text."""
        return self._with(OptionSpec(name, help, "text", default))

    def choice(self, name: str, default: str, choices: Sequence[str], help: str) -> Description:
        """With an option that is one of some texts."""
        return self._with(OptionSpec(name, help, "choice", default, choices=tuple(choices)))

    def _with(self, option: OptionSpec) -> Description:
        return replace(self, options=(*self.options, option))
