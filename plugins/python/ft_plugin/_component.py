"""The component boundary: the classes of this module on one side, the bindings of the WIT package on the other.

`wit_world` is made by componentize-py for the world that it builds for; in plain Python there is none, and nothing to
export to.
"""

from __future__ import annotations

import builtins
import functools
import io
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Tuple, Type

from . import log
from ._description import Description, OptionSpec, Value
from ._errors import Failed, InvalidData, InvalidOption, RowError, Unsupported, told
from ._optimizer import MetaOptimizer, Update
from ._options import Options
from ._question import Demonstration, Gradient, Positions
from ._row import Row
from ._step import Slot, SlotKind, Step, spans
from ._task import Choice, Example, Source, Split, Subtask, Task, cannot_be_shown
from ._tensor import Tensor

try:
    import wit_world
except ImportError:
    wit_world = None
else:
    from componentize_py_types import Err
    from wit_world.exports import info
    from wit_world.imports import types

try:
    # Generated for a component of the world `optimizer-plugin`.
    from wit_world.imports import model
except ImportError:
    model = None

_OUT, _ERR = log.Lines("INFO"), log.Lines("WARN")
_LARGEST = 2**32 - 1
_LONGEST_ID = 200


def export_task(task: Type[Task]) -> Tuple[Optional[type], Optional[type], Optional[type]]:
    """What a component of the world `task-plugin` exports, to be called just so, once, in `app.py`::

        Info, Dataset, Prompt = ft.export_task(BoolQ)
    """
    _check(task, Task, ("sources", "example", "query"))
    if wit_world is None:
        return None, None, None
    from wit_world.exports import dataset, prompt
    from wit_world.imports import data

    made: Optional[Task] = None
    rows = {split: 0 for split in Split}

    class Dataset:
        @_orderly
        def configure(self, settings):
            nonlocal made
            made = task(_options(settings))

        @_last_words
        def task_name(self):
            name = made.task_name()
            return None if name is None else _of(str, "`task_name`", name)

        @_last_words
        def subtasks(self):
            return [_subtask(subtask) for subtask in _list_of(Subtask, "`subtasks`", made.subtasks())]

        @_last_words
        def sources(self):
            return [_source(source) for source in _list_of(Source, "`sources`", made.sources())]

        @_last_words
        def labels(self):
            return _list_of(str, "`labels`", made.labels())

        @_orderly
        def read(self, split, table, max):
            texts = table.next_rows(max)
            split = Split[split.name]
            first = rows[split]
            # The end of a table starts the count afresh.
            rows[split] = first + len(texts) if texts else 0
            batch = dataset.Batch([], [], [])
            for index, text in enumerate(texts, start=first):
                try:
                    row = Row.parse(index, text, unlabelled=split is Split.UNLABELLED)
                    if not made.takes(split, row):
                        batch.left_out.append(index)
                        continue
                    example = example_out(made.example(split, row), str(index))
                    # The host ends a plugin over such an id. As it is copied from the row most of the time, it is the
                    # row that is at fault.
                    if len(example.id) > _LONGEST_ID or any(map(cannot_be_shown, example.id)):
                        expected = f"expected an id of up to {_LONGEST_ID} characters on one line"
                        raise RowError(f"{expected}, got {ascii(example.id[:50])}")
                    batch.examples.append(example)
                except RowError as error:
                    batch.rejected.append(dataset.Rejection(index, error.column, error.message))
                except Exception as error:
                    batch.rejected.append(dataset.Rejection(index, None, told(error)))
            return batch

        @_last_words
        def written(self):
            return examples_out("written", made.written())

    class Prompt:
        @_last_words
        def description(self):
            return _of(str, "`prompt_description`", made.prompt_description())

        @_last_words
        def separator(self):
            return _of(str, "`separator`", made.separator())

        @_orderly
        def render_demonstration(self, example):
            return _of(str, "`demonstration`", made.demonstration(example_in(example)))

        @_orderly
        def render_query(self, example):
            choices = _list_of(Choice, "`query`", made.query(example_in(example)))
            return [prompt.Choice(choice.context, choice.full) for choice in choices]

        @_last_words
        def content_free(self):
            return examples_out("content-free", made.content_free())

    def example_in(example):
        return Example(example.query, example.choices, example.answer, dict(example.fields), example.id)

    def examples_out(name, examples):
        numbered = enumerate(_list_of(Example, f"`{name.replace('-', '_')}`", examples))
        return [example_out(example, f"{name}-{index}") for index, example in numbered]

    def example_out(example, name):
        example = _of(Example, "`example`", example)
        # An answer that is too large for the boundary is none of a choice, and the host says so.
        answer = None if example.answer is None else min(example.answer, _LARGEST)
        return data.Example(example.id or name, example.query, example.choices, answer, list(example.fields.items()))

    def _subtask(subtask):
        settings = [types.OptionSetting(name, _value(value)) for name, value in subtask.options.items()]
        return dataset.Subtask(subtask.name, list(subtask.groups), settings)

    def _source(source):
        split = data.Split[source.split.name]
        return dataset.Source(
            split, source.repository, source.config, source.name, source.folder, source.sample, list(source.files)
        )

    return _info(task.description), Dataset, Prompt


def export_optimizer(rule: Type[MetaOptimizer]) -> Tuple[Optional[type], Optional[type]]:
    """What a component of the world `optimizer-plugin` exports, to be called just so, once, in `app.py`::

        Info, MetaOptimizer = ft.export_optimizer(Gate)
    """
    _check(rule, MetaOptimizer, ("step",))
    if wit_world is None:
        return None, None
    from wit_world.exports import meta_optimizer

    class Session:
        @classmethod
        @_orderly
        def open(cls, settings):
            session = cls()
            session._rule = rule(_options(settings))
            return session

        @_orderly
        def step(self, context):
            update = _of(Update, "`step`", self._rule.step(_HostStep(context)))
            verdict = meta_optimizer.Verdict.CONVERGED if update.converged else meta_optimizer.Verdict.CONTINUE
            # A handle that goes to the host is lost here. A rule may well keep a matrix, or give it back twice.
            matrices = [tensor._inner.clone() for tensor in _list_of(Tensor, "the cache of an update", update.cache)]
            loss = None if update.loss is None else float(update.loss)
            accepted = None if update.accepted is None else bool(update.accepted)
            return meta_optimizer.Update(matrices, verdict, loss, accepted)

    class Exported:
        """The interface has no functions of its own; componentize-py asks for it all the same."""

    # Where componentize-py looks for the classes of an interface's resources: a module of the interface's name.
    module = ModuleType("meta_optimizer")
    module.Session = Session
    sys.modules["meta_optimizer"] = module
    return _info(rule.description), Exported


class _HostStep(Step):
    """A step that the host lends for one call."""

    def __init__(self, context: Any):
        self._context = context

    @property
    def number(self) -> int:
        return self._context.number()

    @property
    def seed(self) -> int:
        return self._context.seed()

    @property
    def held_out_rows(self) -> int:
        return self._context.held_out_rows()

    @property
    def passes_left(self) -> int:
        return self._context.passes_left()

    def slots(self) -> list:
        slots = self._context.slots()
        return [Slot(slot.layer, SlotKind[slot.kind.name], Tensor(slot.matrix)) for slot in slots]

    def demonstrations(self) -> list:
        span = lambda span: range(span.start, span.end)
        return [Demonstration(span(one.tokens), span(one.answer)) for one in self._context.demonstrations()]

    def propose(self, cache, positions=Positions.CONFIGURED, hidden=(), order=()) -> list:
        hidden = [model.Span(span.start, span.stop) for span in spans(hidden)]
        how = model.Pass(model.Positions[positions.name], hidden, list(order))
        return [Tensor(matrix) for matrix in _answer(self._context.propose, _handles(cache), how)]

    def likelihood(self, cache, examples, objective) -> list:
        about = model.Examples[examples.name], model.Objective[objective.name]
        return _answer(self._context.likelihood, _handles(cache), *about)

    def gradient(self, cache, examples, objective, dropout=0.0, seed=0) -> Gradient:
        about = model.Examples[examples.name], model.Objective[objective.name], float(dropout), seed
        found = _answer(self._context.gradient, _handles(cache), *about)
        return Gradient(found.loss, found.likelihoods, [Tensor(matrix) for matrix in found.slots])


def _handles(cache: Any) -> list:
    return [tensor._inner for tensor in _list_of(Tensor, "the cache that is asked about", cache)]


def _answer(ask: Callable, *question: Any) -> Any:
    """The host's answer; an error of the host's as the exception that a plugin has for it."""
    try:
        return ask(*question)
    except Err as error:
        kind = next(kind for kind, name in _kinds().items() if name is error.value.kind)
        raise kind(error.value.message) from None


def _check(plugin: type, base: type, needed: Tuple[str, ...]) -> None:
    """Tells at the build what would end the first call."""
    if not (isinstance(plugin, type) and issubclass(plugin, base)):
        raise TypeError(f"expected a class that is a {base.__name__}, got {plugin!r}")
    if not isinstance(getattr(plugin, "description", None), Description):
        raise TypeError(f"`{plugin.__name__}` has no `description = ft.Description(...)`")
    for name in needed:
        if getattr(plugin, name) is getattr(base, name):
            raise TypeError(f"`{plugin.__name__}` has no method `{name}`")


def _info(description: Description) -> type:
    class Info:
        @_last_words
        def describe(self):
            specs = [_spec(option) for option in description.options]
            return info.Description(description.name, description.version, description.summary, specs)

    return Info


def _spec(option: OptionSpec) -> Any:
    kinds = {
        "boolean": info.OptionKind_Boolean,
        "integer": lambda: info.OptionKind_Integer(info.IntegerRange(option.minimum, option.maximum)),
        "number": lambda: info.OptionKind_Number(info.NumberRange(option.minimum, option.maximum)),
        "text": info.OptionKind_Text,
        "choice": lambda: info.OptionKind_Choice(list(option.choices)),
    }
    return info.OptionSpec(option.name, option.help, kinds[option.kind](), _value(option.default))


def _value(value: Value) -> Any:
    kinds = {
        bool: types.OptionValue_Boolean,
        int: types.OptionValue_Integer,
        float: types.OptionValue_Number,
        str: types.OptionValue_Text,
    }
    return kinds[type(value)](value)


def _options(settings: list) -> Options:
    return Options({setting.name: setting.value.value for setting in settings})


def _of(kind: type, what: str, value: Any) -> Any:
    """A value of the author's, which could not leave the plugin if it were of another kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{what}: expected {kind.__name__}, got {value!r:.60}")
    return value


def _list_of(kind: type, what: str, values: Any) -> list:
    if isinstance(values, str):
        raise TypeError(f"{what}: expected a list of {kind.__name__}, got {values!r:.60}")
    return [_of(kind, what, value) for value in values]


def _begin() -> None:
    """What every call finds: what is printed goes to the log, and where there is no file an exception says so. The
    system that the interpreter asks for files ends the plugin without a word."""
    sys.stdout, sys.stderr = _OUT, _ERR
    builtins.open = io.open = _no_file
    if PathFinder in sys.meta_path:
        sys.meta_path.remove(PathFinder)


def _no_file(file: Any, *_: Any, **__: Any) -> None:
    raise PermissionError(f"{file!r}: a plugin has no files, but for the rows of its table")


def _end() -> None:
    _OUT.end()
    _ERR.end()


def _orderly(function: Callable) -> Callable:
    """A function whose exceptions become the errors that its type has room for."""

    @functools.wraps(function)
    def call(*arguments):
        _begin()
        try:
            return function(*arguments)
        except Err:
            raise
        except BaseException as error:
            raise Err(_error(error)) from None
        finally:
            _end()

    return call


def _last_words(function: Callable) -> Callable:
    """A function whose type has no room for an error: an exception ends the plugin, which is logged before."""

    @functools.wraps(function)
    def call(*arguments):
        _begin()
        try:
            return function(*arguments)
        except BaseException as error:
            log.error(told(error))
            raise
        finally:
            _end()

    return call


def _error(error: BaseException) -> Any:
    for kind, name in _kinds().items():
        if isinstance(error, kind):
            return types.Error(name, str(error))
    return types.Error(types.ErrorKind.FAILED, told(error))


def _kinds() -> Dict[type, Any]:
    return {
        InvalidOption: types.ErrorKind.INVALID_OPTION,
        InvalidData: types.ErrorKind.INVALID_DATA,
        Unsupported: types.ErrorKind.UNSUPPORTED,
        Failed: types.ErrorKind.FAILED,
    }
