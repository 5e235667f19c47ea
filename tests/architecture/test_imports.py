"""Imports run one way, jax stays where it belongs, and importing does nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "eci").rglob("*.py"))

# Room -> the rooms it may import. A room may always import itself, and everybody may import errors.
ALLOWED = {
    "errors": set(),
    "atomic": set(),
    "scores": {"atomic"},
    "scale": {"scores"},
    "fitted": {"scale", "scores"},
    "spreadsheet": set(),
    "folder": {"atomic", "fitted", "scale", "scores", "spreadsheet"},
    "noise": set(),
    "psis": set(),
    "irt": {"noise"},
    "inference": {"atomic", "noise", "psis", "irt", "fitted", "scale", "scores"},
    "queries": {"noise", "psis", "folder", "fitted", "scale", "scores"},
    "trend": {"folder", "fitted", "scale", "scores"},
    "linking": {"trend", "queries", "folder", "fitted", "scale", "scores"},
    "report": {"noise", "linking", "trend", "queries", "folder", "fitted", "scale", "scores"},
    "cli": {
        "report",
        "linking",
        "trend",
        "queries",
        "folder",
        "fitted",
        "scores",
        "spreadsheet",
        "atomic",
    },  # never the program
}
EXCEPTIONS = {
    ("fitted.py", "folder"),  # Fit.save
    ("fitted.py", "queries"),  # Fit.place, Fit.predict, ...
    ("fitted.py", "inference"),  # Fit.rescale: the checks of a fit, without jax
    ("trend/joint.py", "irt"),  # the check of the trend by one program for scores and trend
    ("trend/joint.py", "inference"),
    ("trend/walk_forward.py", "inference"),  # the index refitted at every origin of a back-test
    ("linking/concurrent.py", "irt"),  # a link by fitting both sets of scores together
    ("linking/concurrent.py", "inference"),
}
JAX_ROOMS = {"irt", "inference"}
JAX_FILES = {"trend/joint.py"}
HEAVY = {"jax", "jaxlib", "numpyro", "arviz"}


def imports_of(path, *, inside_functions=True, for_types=False):
    """Full dotted names that a file imports, with their lines; what only a type checker reads on request."""
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types:
            waiting.extend(node.orelse)
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def room_of(path):
    """The first part of a path below eci: a package or a single file."""
    return path.relative_to(ROOT / "eci").with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "eci")))
def test_imports_run_one_way(path):
    room, place = room_of(path), path.relative_to(ROOT / "eci").as_posix()
    if room == "__init__":
        return
    # Commands name the types of what the public functions return, for the type checker alone.
    for name, line in imports_of(path, for_types=room != "cli"):
        package, _, rest = name.partition(".")
        reached = rest.partition(".")[0]
        if package != "eci" or reached in ("", room, "errors", "__version__"):
            continue
        assert reached in ALLOWED[room] or (place, reached) in EXCEPTIONS, (
            f"{place}:{line} imports {name}: {room} may import {sorted(ALLOWED[room])}"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "eci")))
def test_private_names_stay_in_their_room(path):
    for name, line in imports_of(path, for_types=True):
        package, reached, *rest = [*name.split("."), ""]
        if package == "eci" and reached != room_of(path):
            private = [part for part in rest if part.startswith("_")]
            assert not private, f"{path.name}:{line} imports {name}"


def test_every_room_is_known():
    """A new room needs its place in the one direction of imports."""
    assert {room_of(path) for path in FILES} - {"__init__"} <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "eci")))
def test_jax_is_imported_where_it_belongs(path):
    place = path.relative_to(ROOT / "eci").as_posix()
    if room_of(path) in JAX_ROOMS or place in JAX_FILES:
        return
    for name, line in imports_of(path, inside_functions=False):
        assert name.partition(".")[0] not in HEAVY, f"{place}:{line} imports {name} on import"


def run(code):
    """Run code in a fresh interpreter in which every warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("eci", {"jax", "arviz", "pandas", "numpy", "scipy", "matplotlib"}),
        ("eci.cli.main", {"jax", "arviz", "pandas", "numpy", "scipy", "matplotlib"}),
        ("eci.irt.priors", {"jax", "arviz", "pandas"}),
        ("eci.inference.method", {"jax", "arviz", "pandas"}),
        ("eci.inference.convergence", {"jax", "arviz"}),
        ("eci.scores", {"jax", "arviz", "matplotlib"}),
        ("eci.folder.load", {"jax", "arviz", "matplotlib"}),
        ("eci.folder.save", {"jax", "arviz", "matplotlib"}),
        ("eci.trend", {"jax", "arviz", "matplotlib"}),
        ("eci.queries.place", {"jax", "arviz", "matplotlib", "scipy.stats"}),
        ("eci.cli.place", {"jax", "arviz", "pandas", "numpy", "matplotlib"}),
        ("eci.cli.predict", {"jax", "arviz", "pandas", "numpy", "matplotlib"}),
        ("eci.cli.next", {"jax", "arviz", "pandas", "numpy", "matplotlib"}),
        ("eci.report.tables", {"jax", "arviz", "matplotlib"}),
        ("eci.report.verdict", {"jax", "arviz", "matplotlib"}),
        ("eci.cli.show", {"jax", "arviz", "matplotlib"}),
        ("eci.cli.fit", {"jax", "arviz", "matplotlib"}),
        ("eci.inference.run", {"arviz", "numpyro", "matplotlib"}),
    ],
)
def test_importing_loads_no_more_than_it_needs(module, absent):
    done = run(f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert done.stderr == ""


def test_importing_everything_changes_nothing():
    """No double precision, platform, number of devices, environment, output or warning."""
    modules = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES)
    modules = [name.removesuffix(".__init__") for name in modules]
    done = run(
        "import importlib, os\n"
        "import jax\n"
        "names = ('jax_enable_x64', 'jax_platforms', 'jax_num_cpu_devices', 'jax_compilation_cache_dir')\n"
        "def state():\n"
        "    return [getattr(jax.config, name, None) for name in names], dict(os.environ)\n"
        "before = state()\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "assert state() == before, (before, state())\n"
        "assert not jax.config.jax_enable_x64\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_command_line_lists_every_likelihood():
    """It does not import them: that would load jax."""
    from eci.cli.options import LIKELIHOODS
    from eci.noise import NOISE

    assert set(LIKELIHOODS) == set(NOISE)
