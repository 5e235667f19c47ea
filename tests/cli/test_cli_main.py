"""The command group: start-up, errors in words, exit codes."""

import subprocess
import sys
import warnings
from importlib.util import find_spec

import click
import pandas as pd
import pytest
from click.testing import CliRunner

import eci
from eci.cli import main as cli
from eci.cli.present import print_table
from eci.errors import ConvergenceError, DataError, EciWarning


def in_a_new_process(*arguments):
    """Run eci in a process of its own, and report which heavy modules it imported."""
    program = (
        "import sys\n"
        "from eci.cli.main import main\n"
        "try:\n"
        f"    main({list(arguments)!r}, prog_name='eci')\n"
        "finally:\n"
        "    heavy = {'pandas', 'jax', 'arviz', 'numpy', 'scipy', 'rich', 'matplotlib', 'numpyro'}\n"
        "    print('HEAVY', *sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done, done.stderr.strip().splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], []])
def test_help_imports_nothing_heavy(arguments):
    done, heavy = in_a_new_process(*arguments)
    assert heavy == []
    assert "eci" in done.stdout + done.stderr


def test_help_of_a_command_imports_nothing_heavy():
    done, heavy = in_a_new_process("check", "--help")
    assert heavy == []
    assert "--min-benchmarks" in done.stdout
    assert done.returncode == 0


def test_check_does_not_import_jax():
    _, heavy = in_a_new_process("check")
    assert not {"jax", "arviz", "numpyro", "matplotlib"} & set(heavy)


def test_version():
    result = CliRunner().invoke(cli.main, ["--version"])
    assert result.output == f"eci {eci.__version__}\n"


def test_every_listed_command_exists_and_has_its_help():
    context = click.Context(cli.main)
    listed = cli.main.list_commands(context)
    assert "check" in listed
    for name in listed:
        command = cli.main.get_command(context, name)
        assert isinstance(command, click.Command), name
    absent = [name for name, (home, _) in cli.COMMANDS.items() if find_spec(home.partition(":")[0]) is None]
    assert not set(absent) & set(listed)
    help_text = CliRunner().invoke(cli.main, ["--help"]).output
    for name, (_, words) in cli.COMMANDS.items():
        assert (name in listed) == (words[:20] in help_text)


def test_unknown_command_gets_a_suggestion():
    result = CliRunner().invoke(cli.main, ["chek"])
    assert result.exit_code == 2
    assert "No such command 'chek'. Did you mean 'check'?" in result.stderr


@pytest.fixture
def failing(monkeypatch):
    """A command group whose only command does what it is told."""

    def run(action):
        @click.command()
        def fail():
            click.echo("a result")
            action()

        monkeypatch.setattr(cli.LazyGroup, "list_commands", lambda self, ctx: ["fail"])
        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: fail)
        return CliRunner().invoke(cli.main, ["fail"])

    return run


def throw(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (DataError("s.csv, line 3: wrong. Mend it."), 1, "Error: s.csv, line 3: wrong. Mend it.\n"),
        (ConvergenceError("Did not converge. Run longer."), 3, "Error: Did not converge. Run longer.\n"),
        (KeyboardInterrupt(), 130, "Interrupted: stopped before the end.\n"),
        (MemoryError(), 1, "Error: The computer ran out of memory. Use fewer scores or draws.\n"),
        (
            PermissionError(13, "Permission denied", "/out/fit.json"),
            1,
            "Error: /out/fit.json: the system says: Permission denied. Check that the path exists, "
            "may be used, and has room.\n",
        ),
        (
            OSError(28, "No space left on device"),
            1,
            "Error: the system says: No space left on device. Check that the path exists, may be used, "
            "and has room.\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_in_words(failing, error, exit_code, message):
    result = failing(throw(error))
    assert result.exit_code == exit_code
    assert result.stderr == message
    assert result.stdout == "a result\n"


def test_broken_pipe_is_quiet(failing):
    result = failing(throw(BrokenPipeError(32, "Broken pipe")))
    assert result.stderr == ""
    assert result.exit_code == 1


def test_a_bug_keeps_its_traceback(failing):
    result = failing(throw(ZeroDivisionError("a bug")))
    assert isinstance(result.exception, ZeroDivisionError)


def test_own_warnings_are_one_line(failing):
    result = failing(lambda: warnings.warn("mind the step", EciWarning, stacklevel=1))
    assert result.exit_code == 0
    assert result.stderr == "Warning: mind the step\n"


def test_foreign_warnings_are_left_alone(failing):
    with pytest.warns(UserWarning, match="not ours"):
        result = failing(lambda: warnings.warn("not ours", UserWarning, stacklevel=1))
    assert "Warning: not ours" not in result.stderr


class Terminal:
    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text


def test_a_terminal_gets_wrapped_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    cli.say(
        "one two three four five six seven eight nine ten\n  an indented line that is too long for it",
        "Error: ",
        terminal,
    )
    assert terminal.text == (
        "Error: one two three four five six seven\neight nine ten\n"
        "  an indented line that is too long for\n    it\n"
    )


def test_names_beyond_the_encoding_are_escaped(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("model,benchmark,score\nÄ🙂,b,0.5\nä🙂,b,0.5\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from eci.cli.main import main; main()",
            *("check", str(path), "--min-models", "1", "--min-benchmarks", "1"),
        ],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "0", "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\xc4\\U0001f642" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as a POSIX shell does")
def test_a_closed_standard_output_is_no_fault(small_table, tmp_path):
    small_table.to_csv(tmp_path / "scores.csv", index=False)
    command = f"{sys.executable} -c 'from eci.cli.main import main; main()' check scores.csv >&-"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_table_on_a_terminal_is_that_of_a_pipe(monkeypatch, capsys):
    """However narrow the terminal: names are not cut."""
    monkeypatch.setenv("COLUMNS", "30")
    table = pd.DataFrame({"model": ["A model of a long name, the third of its kind"], "index": [1.25]})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(table, {"index": ".1f"})
    assert capsys.readouterr().out.splitlines()[1].startswith(table["model"][0] + "  ")
