"""What a task is: where its data are, how a row becomes an example, how an example becomes text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, List, Optional, Sequence

from ._description import Description, Value
from ._errors import InvalidData
from ._options import Options
from ._row import Row


class Split(Enum):
    """Which part of a data set an example belongs to."""

    DEMONSTRATIONS = 0
    """Examples that are shown to the model with their answers."""
    EVALUATION = 1
    """Examples that are scored."""
    UNLABELLED = 2
    """Rows to predict: they need no answer, and one that is there is not looked at."""


def cannot_be_shown(character: str) -> bool:
    """Control characters, and the invisible ones that change how the text around them reads: the host takes none in an
    id."""
    code = ord(character)
    return code < 0x20 or any(first <= code <= last for first, last in _INVISIBLE)


_INVISIBLE = (
    (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F),
)  # fmt: skip


_CONTENT_FREE = ("N/A", "[MASK]", "")
"""Queries that ask nothing, over which Zhao et al. average (arXiv 2102.09690, section 5)."""


@dataclass
class Choice:
    """One choice of a query, as the model sees it. The scored span is what the tokens of `full` have beyond those of
    `context`."""

    context: str
    """The text before the scored span."""
    full: str
    """The whole text: the context and the choice."""

    @classmethod
    def after(cls, context: str, continuation: str) -> Choice:
        """A context and the text that follows it and is scored."""
        return cls(context, context + continuation)


@dataclass
class Example:
    """One question with its choices and, but for a row to predict, the right answer."""

    query: str
    """The question, the sentence to classify, the context to continue."""
    choices: Sequence[str]
    """The choices, two at least."""
    answer: Optional[int] = None
    """The index of the right choice, or what `Row.answer` gives; none for a row of the split `UNLABELLED`."""
    fields: Dict[str, str] = field(default_factory=dict)
    """Whatever else the prompt needs, as name and text."""
    id: str = ""
    """A name that is the same in every run, and unique within a split with answers, of up to 200 characters on one line. A
    row that gives another is rejected. Left empty, it becomes the row's index."""

    def __post_init__(self) -> None:
        # What is no text or no index could not leave the plugin; here the message has the author's line.
        self.choices, self.fields = list(self.choices), dict(self.fields)
        texts = {"id": [self.id], "query": [self.query], "choices": self.choices}
        texts["fields"] = [*self.fields, *self.fields.values()]
        for name, values in texts.items():
            for value in values:
                if not isinstance(value, str):
                    raise TypeError(f"`{name}` of an example: expected a text, got {value!r}")
        if self.answer is not None and (type(self.answer) is not int or self.answer < 0):
            raise TypeError(f"`answer` of an example: expected the index of a choice, got {self.answer!r}")

    def field(self, name: str) -> str:
        """The text of a field; `InvalidData` if the example has no such field."""
        if name not in self.fields:
            raise InvalidData(f"example `{self.id}` has no field `{name}`")
        return self.fields[name]

    def right_index(self) -> int:
        """The index of the right choice; `InvalidData` if the example has no answer."""
        if self.answer is None:
            raise InvalidData(f"example `{self.id}`: expected the index of the right choice, got none")
        return self.answer

    def right_choice(self) -> str:
        """The right choice; `InvalidData` if `answer` is no index of a choice, or there is none."""
        answer = self.right_index()
        if answer >= len(self.choices):
            count = len(self.choices)
            raise InvalidData(f"example `{self.id}` has {count} choices, its answer is number {answer}")
        return self.choices[answer]

    def choices_after(self, context: str) -> List[Choice]:
        """Each choice behind a context and one blank: the query of most tasks."""
        return [Choice.after(context, f" {choice}") for choice in self.choices]


@dataclass
class Source:
    """What to load for one of the two splits with answers: the arguments of `load_dataset(repository, config, split =
    name)`, and where to find it on disk."""

    split: Split
    """Which split of the task this is; not `UNLABELLED`, whose rows are the user's."""
    repository: str
    """The data set's repository on the hub, like `nyu-mll/glue`."""
    name: str
    """The name that the data set has for this split, like `validation`."""
    folder: str
    """The data set's folder below `--data DIR`, like `sst2`; files are `DIR/<folder>/<name>.<extension>`."""
    config: Optional[str] = None
    """The data set's configuration, where it has several, like `sst2`."""
    sample: Optional[int] = None
    """To use only so many rows, drawn at random by the run's seed; none means all."""
    files: Sequence[str] = ()
    """Files beside the definition that describes the task, instead of the hub's. The host refuses them of any other
    task."""


@dataclass
class Subtask:
    """One task of a group of tasks."""

    name: str
    """Its name in the group, also that of the folder of its results: lower case letters, digits, `-` and `_`."""
    options: Dict[str, Value]
    """The options by which an instance is this task alone, over those of the group."""
    groups: Sequence[str] = ()
    """The smaller groups that it belongs to, like `stem`, whose averages are told beside that of the whole; names as its
    own."""


class Task:
    """A data set and its prompts. The module's documentation has a complete one."""

    description: Description
    """What the task is and which options it takes. Every task has one."""

    def __init__(self, options: Options):
        """Makes the task. `options` has a value for every option of the description."""

    def task_name(self) -> Optional[str]:
        """The task's name in results, if it follows from the options; none if it is the description's."""
        return None

    def subtasks(self) -> List[Subtask]:
        """The tasks that the options stand for, where that is a group of them; empty for a single task. Each is run by
        itself, by an instance of its own that is made with the subtask's options, and is to stand for no group; a group's is
        asked nothing else."""
        return []

    def sources(self) -> List[Source]:
        """What to load, one source for each of the two splits with answers."""
        raise NotImplementedError

    def labels(self) -> Sequence[str]:
        """The names of the classes, where every example has these very choices in this order; empty for other tasks.
        Tasks with labels are sampled class by class (stratified)."""
        return []

    def takes(self, split: Split, row: Row) -> bool:
        """Whether a row is one of the task's. The host leaves out and counts those that are not. What follows from the
        answer is not asked of a row of the split `UNLABELLED`."""
        return True

    def example(self, split: Split, row: Row) -> Example:
        """Makes an example of a row. If it raises, the host stops there with the row's number, or skips the row if the
        user said so. A row of the split `UNLABELLED` needs no answer: `row.answer` gives none for it, and all else of the
        example is what it would be with one."""
        raise NotImplementedError

    def written(self) -> List[Example]:
        """Demonstrations written by hand, for `--sampling written`."""
        return []

    def prompt_description(self) -> str:
        """The text before the first demonstration, and before a query that has no demonstrations before it. Nothing is put
        behind it: it ends with what is to stand between it and the first demonstration, like `"\\n\\n"`. Empty for none;
        `--description` replaces it."""
        return ""

    def separator(self) -> str:
        """The text that follows every demonstration."""
        return "\n\n"

    def query(self, example: Example) -> List[Choice]:
        """An example without its answer, which it may or may not have: a context and a full text for each choice, in the
        choices' order."""
        raise NotImplementedError

    def content_free(self) -> List[Example]:
        """Examples that ask nothing, for contextual calibration (Zhao et al., arXiv 2102.09690): what the model prefers behind
        them, it prefers whatever is asked. Their answers do not count, and may be none.

        Left out, they are three examples without fields for a task with labels, with the queries `N/A`, `[MASK]` and the
        empty text, as far as `query` has a text for them; for other tasks there are none. A task whose prompt needs fields
        gives its own."""
        labels = list(self.labels())
        examples = [Example(query, labels) for query in _CONTENT_FREE] if labels else []
        return [example for example in examples if self._has_text(example)]

    def _has_text(self, example: Example) -> bool:
        try:
            self.query(example)
        except Exception:
            return False
        return True

    def demonstration(self, example: Example) -> str:
        """An example with its answer, as it is shown to the model. Left out, it is the full text of the right choice."""
        choices, answer = self.query(example), example.right_index()
        if answer >= len(choices):
            raise InvalidData(f"example `{example.id}` has no text for its answer")
        return choices[answer].full
