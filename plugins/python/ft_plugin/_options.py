"""The options as the user set them."""

from __future__ import annotations

from typing import Dict

from ._description import Description, Value
from ._errors import Failed


class Options:
    """The values of all options that the plugin described, set by the user or by default."""

    def __init__(self, values: Dict[str, Value]):
        self._values = dict(values)

    @classmethod
    def defaults(cls, description: Description, **values: Value) -> Options:
        """The defaults of a plugin, some set to other values, for its tests."""
        return cls({**{option.name: option.default for option in description.options}, **values})

    def boolean(self, name: str) -> bool:
        """The value of a boolean option. Like all getters it raises `Failed` if the plugin describes no such option, or
        one of another kind."""
        return self._value(name, bool, "a boolean")

    def integer(self, name: str) -> int:
        """The value of a whole-number option."""
        return self._value(name, int, "a whole number")

    def number(self, name: str) -> float:
        """The value of a real-number option."""
        return self._value(name, float, "a number")

    def text(self, name: str) -> str:
        """The value of a text option, or the chosen text of a choice."""
        return self._value(name, str, "a text")

    def _value(self, name, kind, expected):
        if name not in self._values:
            raise Failed(f"the description names no option `{name}`")
        value = self._values[name]
        # A boolean is an int to `isinstance`.
        if type(value) is not kind:
            kinds = {bool: "a boolean", int: "a whole number", float: "a number", str: "a text or a choice"}
            described = f"the description makes it {kinds[type(value)]}"
            raise Failed(f"option `{name}` is asked for as {expected}, and {described}")
        return value
