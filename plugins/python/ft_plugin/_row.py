"""One row of a data set, and getters that say what they missed."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ._errors import RowError

BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
"""What Unicode counts as white space, for `text.strip(BLANKS)`. A bare `strip()` takes four control characters more."""

_LONGEST_EXCERPT = 60
_MISSING = object()


class Row:
    """One row of a data set: named columns of JSON values, or an object nested in one.

    Every getter raises a `RowError` with the column, what was expected and what came::

        row = Row.parse(7, '{"question": "Why?", "choices": {"text": ["a", "b"]}}')
        row.text("question")                    # "Why?"
        row.nested("choices").texts("text")     # ["a", "b"]
        row.nested("choices").integer("label")  # column `choices.label`: expected a whole number, the column is missing
    """

    def __init__(self, index: int, values: Dict[str, Any], path: str = "", unlabelled: bool = False):
        self.index = index
        """The row's index in its table, from 0."""
        self.unlabelled = unlabelled
        """Whether the row is to be predicted, and needs no answer."""
        self._values = values
        self._path = path

    @classmethod
    def parse(cls, index: int, text: str, unlabelled: bool = False) -> Row:
        """A row from its JSON text; `unlabelled` is for one of the split `UNLABELLED`."""
        try:
            values = _DECODER.decode(text)
            if "\\u" in text:
                # Half of a surrogate pair is no character, and could not leave the plugin.
                json.dumps(values, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise RowError(f"expected a JSON object, got a text with this fault: {error}") from None
        if not isinstance(values, dict):
            raise RowError(f"expected a JSON object, got {_excerpt(values)}")
        return cls(index, values, unlabelled=unlabelled)

    def answer(self, read: Callable[[Row], int]) -> Optional[int]:
        """The answer that `read` finds in the row; none for a row to predict, which is not looked at::

            row.answer(lambda row: row.class_index("label", 2))
        """
        return None if self.unlabelled else read(self)

    def has(self, column: str) -> bool:
        """Whether the column is there and not null."""
        return self._values.get(column) is not None

    def text(self, column: str) -> str:
        """A text."""
        return self._get(column, "a text", _text)

    def nonblank(self, column: str) -> str:
        """A text that is more than blanks, as it stands."""
        text = self.text(column)
        self._not_only_blanks(column, text)
        return text

    def integer(self, column: str) -> int:
        """A whole number of 64 bits."""
        return self._get(column, "a whole number", _integer)

    def number(self, column: str) -> float:
        """A real number."""
        return self._get(column, "a number", lambda value: float(value) if type(value) in (int, float) else None)

    def boolean(self, column: str) -> bool:
        """`true` or `false`."""
        return self._get(column, "a boolean", lambda value: value if isinstance(value, bool) else None)

    def class_index(self, column: str, classes: int) -> int:
        """The index of a class, from 0 to `classes - 1`: a number, or its digits as a text, as some data sets have it.
        `1.0` counts as 1: pandas writes whole numbers so where a value of the column is missing.
        Data sets without answers have -1 or an empty text there, which is refused: `answer` does not look there in a row
        to predict."""

        def convert(value):
            if isinstance(value, str):
                digits = re.fullmatch(r"(\+?[0-9]{1,40})(\.0+)?", value)
                value = int(digits[1]) if digits else None
            elif type(value) is float and value.is_integer():
                value = int(value)
            return value if type(value) is int and 0 <= value < classes else None

        return self._get(column, f"a class from 0 to {max(classes - 1, 0)}", convert)

    def one_of(self, column: str, texts: Sequence[str]) -> int:
        """The index of a text among some texts; a whole number counts as its digits."""

        def convert(value):
            text = str(value) if _integer(value) is not None else _text(value)
            return list(texts).index(text) if text in texts else None

        return self._get(column, f"one of {', '.join(texts)}", convert)

    def texts(self, column: str) -> List[str]:
        """A list of texts."""

        def convert(value):
            good = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return value if good else None

        return self._get(column, "a list of texts", convert)

    def nested(self, column: str) -> Row:
        """An object within the row, with the same getters."""
        values = self._get(column, "an object", lambda value: value if isinstance(value, dict) else None)
        return Row(self.index, values, f"{self._path}{column}.", self.unlabelled)

    def choices(self, column: str) -> List[str]:
        """A list of choices: two texts or more, each more than blanks."""
        texts = self.texts(column)
        self._at_least_two(column, len(texts))
        for index, text in enumerate(texts):
            self._not_only_blanks(f"{column}[{index}]", text)
        return texts

    def labelled_choices(self, column: str, key: str) -> Tuple[List[str], Optional[int]]:
        """Choices with a label each, and the index of the right one, whose label stands in the column `key`; none for a row
        to predict, of which neither `key` nor labels are looked at. This is the form of QASC, OpenBookQA, ARC and
        CommonsenseQA: `choices` holds the lists `text` and `label`, or a list of objects with both. Data sets without
        answers have an empty text in `key`, which is refused."""

        def convert(value):
            objects = isinstance(value, list) and all(isinstance(item, dict) for item in value)
            return value if objects or isinstance(value, dict) else None

        value = self._get(column, "an object or a list of objects", convert)
        texts, labels = self._list_of_objects(column, value) if isinstance(value, list) else self._two_lists(column)
        return texts, self.answer(lambda row: row.one_of(key, labels))

    def _two_lists(self, column: str) -> Tuple[List[str], List[str]]:
        inner = self.nested(column)
        texts = inner.choices("text")
        labels = [""] * len(texts) if self.unlabelled else inner.texts("label")
        if len(labels) != len(texts):
            raise inner._fault("label", f"expected {len(texts)} labels, one for each text, got {len(labels)}")
        return texts, labels

    def _list_of_objects(self, column: str, objects: List[Dict[str, Any]]) -> Tuple[List[str], List[str]]:
        self._at_least_two(column, len(objects))
        path = f"{self._path}{column}"
        rows = [Row(self.index, values, f"{path}[{index}].", self.unlabelled) for index, values in enumerate(objects)]
        pairs = [(row.nonblank("text"), "" if row.unlabelled else row.text("label")) for row in rows]
        return [text for text, _ in pairs], [label for _, label in pairs]

    def _at_least_two(self, column: str, found: int) -> None:
        if found < 2:
            raise self._fault(column, f"expected two choices or more, got {found}")

    def _not_only_blanks(self, column: str, text: str) -> None:
        if not text.strip(BLANKS):
            raise self._fault(column, f"expected a text that is more than blanks, got {_quoted_blanks(text)}")

    def _fault(self, column: str, message: str) -> RowError:
        return RowError(message, f"{self._path}{column}")

    def _get(self, column: str, expected: str, convert: Callable[[Any], Any]) -> Any:
        value = self._values.get(column, _MISSING)
        if value is _MISSING:
            raise self._fault(column, f"expected {expected}, the column is missing")
        converted = convert(value)
        if converted is None:
            raise self._fault(column, f"expected {expected}, got {_excerpt(value)}")
        return converted


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _text(value):
    return value if isinstance(value, str) else None


def _integer(value):
    # A boolean is an int to `isinstance`.
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _excerpt(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}..."


def _quoted_blanks(text: str) -> str:
    short = {" ": " ", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(short.get(blank, f"\\u{{{ord(blank):x}}}") for blank in text) + '"'
