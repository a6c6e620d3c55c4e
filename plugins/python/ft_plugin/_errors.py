"""What goes wrong, in the words of the plugin."""

from __future__ import annotations

from typing import Optional


class PluginError(Exception):
    """An orderly failure. The host prints the message with the plugin's name and the call. Raise one of its kinds."""


class InvalidOption(PluginError):
    """An option has a value that the plugin cannot work with."""


class InvalidData(PluginError):
    """The data do not have the form that the plugin expects."""


class Unsupported(PluginError):
    """The plugin does not do what was asked of it."""


class Failed(PluginError):
    """Anything else."""


class RowError(Exception):
    """Why a row does not make an example. The host reports it with the number of the row.

    `column` is the column at fault, where there is one; `choices.text` is the field `text` of the object in `choices`.
    """

    def __init__(self, message: str, column: Optional[str] = None):
        super().__init__(message)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return self.message if self.column is None else f"column `{self.column}`: {self.message}"


def told(error: BaseException) -> str:
    """An exception as one line: its kind, its message, and the last place of it that is the author's."""
    message = " ".join(str(error).split())
    if isinstance(error, ImportError):
        message += "; what a component is to have is imported at the top of the file, when it is built"
    place, step = None, error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if step.tb_frame.f_globals.get("__package__") != __package__:
            name = getattr(code, "co_qualname", code.co_name)
            place = f"{code.co_filename.rsplit('/', 1)[-1]}, line {step.tb_lineno}, in {name}"
        step = step.tb_next
    kind = type(error).__name__
    return f"{kind}{': ' if message else ''}{message}{f' ({place})' if place else ''}"
