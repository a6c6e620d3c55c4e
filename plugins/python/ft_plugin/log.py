"""Messages to the person who runs the plugin. The host bounds their number and length.
In a plugin's tests in plain Python they go to standard error."""

import io
import sys

try:
    # Generated for a component, whichever world it is for.
    from wit_world.imports import log as _host
except ImportError:
    _host = None


def debug(message: str) -> None:
    """For the plugin's author."""
    _write("DEBUG", message)


def info(message: str) -> None:
    """Worth knowing. `print` does the same."""
    _write("INFO", message)


def warn(message: str) -> None:
    """Something is odd, and the run goes on."""
    _write("WARN", message)


def error(message: str) -> None:
    """Something is wrong. Logging ends nothing: raise an exception for that."""
    _write("ERROR", message)


def work_on(what: str) -> None:
    """Says what the plugin is about to do, like the row that it renders: if a trap or a limit ends the call meanwhile, the
    host's error says it. Of several the last one counts."""
    if _host is not None:
        _host.work_on(str(what).encode(errors="replace").decode())


def _write(level: str, message: str) -> None:
    if _host is None:
        print(f"{level.lower()}: {message}", file=sys.stderr)
    else:
        # Half of a surrogate pair could not leave the plugin.
        _host.write(_host.Level[level], str(message).encode(errors="replace").decode())


class Lines(io.TextIOBase):
    """A text file whose lines are log messages, in place of standard output and standard error."""

    def __init__(self, level: str):
        super().__init__()
        self._level, self._rest = level, ""

    def write(self, text: str) -> int:
        """Logs the lines that are complete."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            _write(self._level, line)
        return len(text)

    def end(self) -> None:
        """Logs what stands behind the last line."""
        if self._rest:
            rest, self._rest = self._rest, ""
            _write(self._level, rest)
