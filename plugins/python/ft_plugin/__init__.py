"""Tasks and meta-optimizers for ft-host in Python, each a sandboxed WebAssembly component.

A plugin is a file `app.py` with one class and one line that exports it. A task::

    import ft_plugin as ft

    class BoolQ(ft.Task):
        description = ft.Description("boolq", "0.1.0", "BoolQ: yes or no, given a passage")

        def sources(self):
            return [
                ft.Source(ft.Split.DEMONSTRATIONS, "google/boolq", "train", "boolq"),
                ft.Source(ft.Split.EVALUATION, "google/boolq", "validation", "boolq"),
            ]

        def labels(self):
            return ["no", "yes"]

        def example(self, split, row):
            fields = {"passage": row.text("passage")}
            answer = row.answer(lambda row: int(row.boolean("answer")))
            return ft.Example(row.text("question"), self.labels(), answer, fields)

        def query(self, example):
            return example.choices_after(f"{example.field('passage')}\\nQuestion: {example.query}?\\nAnswer:")

    Info, Dataset, Prompt = ft.export_task(BoolQ)

A rule that moves the key/value cache::

    import ft_plugin as ft

    class Gate(ft.MetaOptimizer):
        description = ft.Description("gate", "0.1.0", "C = eta * P + (1 - eta) * C").number(
            "eta", 0.1, "how much of the proposed cache comes in", minimum=0.0, maximum=1.0
        )

        def __init__(self, options):
            self.eta = options.number("eta")

        def step(self, step):
            gate = lambda slot: slot.previous * (1.0 - self.eta) + slot.proposed * self.eta
            return ft.Update([gate(slot) for slot in step.proposal()])

    Info, MetaOptimizer = ft.export_optimizer(Gate)

`P - C` is the *pseudo-gradient*, and it points to where the cache is to go: rules add it. `ft.selected(Gate)` is the same
rule with options for moving keys or values alone, some layers, or all but the first positions.

This module also works in plain Python, 3.9 or later, where a small stand-in takes the place of the host's tensors: a
plugin's tests are ordinary ones, run by `python3 -m unittest`. `ft_plugin.testing` takes a rule through its steps.

When something is wrong, raise `RowError` for a row and `InvalidOption`, `InvalidData`, `Unsupported` or `Failed` for the
rest. Any other exception ends the call too, as an error with its message and its place. What is printed goes to the
host's log, as does `ft_plugin.log`. Import all that is needed at the top of the file: a component has no files to import
from later.
"""

from . import log
from ._component import export_optimizer, export_task
from ._description import Description, OptionSpec
from ._errors import Failed, InvalidData, InvalidOption, PluginError, RowError, Unsupported
from ._optimizer import MetaOptimizer, Update
from ._options import Options
from ._question import Demonstration, Examples, Gradient, Objective, Positions
from ._row import BLANKS, Row
from ._selection import selected
from ._step import Proposal, Slot, SlotKind, Step
from ._task import Choice, Example, Source, Split, Subtask, Task
from ._tensor import Dtype, Tensor

__all__ = [
    "BLANKS",
    "Choice",
    "Demonstration",
    "Description",
    "Dtype",
    "Example",
    "Examples",
    "Failed",
    "Gradient",
    "InvalidData",
    "InvalidOption",
    "MetaOptimizer",
    "Objective",
    "OptionSpec",
    "Options",
    "PluginError",
    "Positions",
    "Proposal",
    "Row",
    "RowError",
    "Slot",
    "SlotKind",
    "Source",
    "Subtask",
    "Split",
    "Step",
    "Task",
    "Tensor",
    "Unsupported",
    "Update",
    "export_optimizer",
    "export_task",
    "log",
    "selected",
]
