"""The `eci` command: commands loaded on demand, errors in words, exit codes."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TextIO

import click

from eci import __version__
from eci.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EciError, EciWarning

# Command -> module:attribute and one line of help, so that `eci --help` imports none of them. A command
# whose module is not part of this installation is not listed.
COMMANDS = {
    "check": ("eci.cli.check:check", "What is in the data, what the rules drop, and every fault."),
    "fit": ("eci.cli.fit:fit", "Fit the index and write it, with credible intervals, to a folder."),
    "show": ("eci.cli.show:show", "Rankings and benchmark tables of a saved fit."),
    "trend": ("eci.cli.trend:trend", "Did progress change pace? Slopes, jump and break date with intervals."),
    "link": ("eci.cli.link:link", "Put two indices on one scale, with a standard error."),
    "vintages": ("eci.cli.vintages:vintages", "Compare the vintages of a published index."),
    "report": ("eci.cli.report:report", "Write a report of a fit: tables, words and plots."),
    "plot": ("eci.cli.plot:plot", "Draw one plot of a fit or trend."),
    "place": ("eci.cli.place:place", "Place a new model on a fitted scale without refitting."),
    "compare": ("eci.cli.compare:compare", "Differences between models, with their joint uncertainty."),
    "predict": ("eci.cli.predict:predict", "Predict the score of a model on a benchmark."),
    "next": ("eci.cli.next:next_benchmark", "Which benchmark would tell most about a model."),
    "bench": ("eci.cli.bench:bench", "Time and compare samplers on this machine."),
    "data": ("eci.cli.data:data", "Fetch, list and compare published data."),
}


_NO_GLYPH = (
    "Glyph .* missing from|Matplotlib currently does not support"  # what matplotlib warns of, by letter
)


class LazyGroup(click.Group):
    """A group that imports a command when it runs, and turns errors into words and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands of this installation, in the order of use."""
        return [name for name, (home, _) in COMMANDS.items() if find_spec(home.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        if names := self.list_commands(ctx):
            with formatter.section("Commands"):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Look a command up; an unknown one gets a suggestion."""
        from difflib import get_close_matches

        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            close = get_close_matches(args[0], names, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(names)}."
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong for a known reason ends in a message, not in a traceback."""
        _stand_in_for_closed()
        try:
            _accept_any_name(sys.stdout)
            with _warnings_in_words():
                return super().invoke(ctx)
        except EciError as error:
            _stop(str(error), error.exit_code)
        except BrokenPipeError:
            raise  # click ends without a word when the reader of a pipe has gone
        except KeyboardInterrupt:
            _stop("Interrupted: stopped before the end.", EXIT_INTERRUPTED, prefix="")
        except OSError as error:
            _stop(_in_words(error), EXIT_BAD_INPUT)
        except MemoryError:
            _stop("The computer ran out of memory. Use fewer scores or draws.", EXIT_BAD_INPUT)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="eci", message="%(prog)s %(version)s")
def main() -> None:
    """Bayesian capability indices for AI models.

    Rankings from published benchmark scores, their trend over time, and links between indices: each with
    credible intervals.
    """


def say(message: str, prefix: str, stream: TextIO) -> None:
    """Write a message to a stream, wrapped to the terminal where there is one; its own lines are kept.

    Parameters
    ----------
    message
        The text.
    prefix
        A first word such as "Error: ".
    stream
        Where it goes.

    Notes
    -----
    Characters that nobody sees are shown as escapes.
    """
    lines = [_visible(line) for line in (prefix + message).splitlines()] or [prefix]
    if stream.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        lines = [piece for line in lines for piece in _wrap(line, width) or [""]]
    stream.write("\n".join(lines) + "\n")


def _visible(line: str) -> str:
    """Escape what steers a terminal: a message may quote a file."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _wrap(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    hanging = indent + "  " if indent else ""
    return textwrap.wrap(
        line, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Show the package's own warnings as one line each."""
    with warnings.catch_warnings():
        show, glyphless = warnings.showwarning, list[str]()

        def show_own(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, EciWarning):
                say(str(message), "Warning: ", sys.stderr)
            elif re.match(_NO_GLYPH, str(message)):
                glyphless.append(str(message))
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = show_own
        warnings.simplefilter("always", EciWarning)
        warnings.filterwarnings("always", _NO_GLYPH, UserWarning)
        yield
        if glyphless:
            say("the font of the picture lacks characters of some names.", "Warning: ", sys.stderr)


def _stand_in_for_closed() -> None:
    """Write to nowhere where standard output or error is closed, as some daemons leave them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end


def _accept_any_name(stream: TextIO) -> None:
    """Let a terminal or pipe show an escape where its encoding lacks a character of a name or a path."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _in_words(error: OSError) -> str:
    """Say which file the system refused, and why."""
    reason = error.strerror or str(error) or type(error).__name__
    named = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = f"{' -> '.join(named)}: " if named else ""
    return f"{where}the system says: {reason}. Check that the path exists, may be used, and has room."


def _stop(message: str, exit_code: int, prefix: str = "Error: ") -> NoReturn:
    sys.stdout.flush()
    say(message, prefix, sys.stderr)
    raise click.exceptions.Exit(exit_code)
