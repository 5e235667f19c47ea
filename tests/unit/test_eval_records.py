"""Records of Every Eval Ever and logs of Inspect."""

import copy
import json
import sys
from importlib.util import find_spec

import pytest

from eci.errors import DataError, EciWarning
from eci.scores import FaultyTableError, load_scores

RECORD = {
    "schema_version": "0.2.1",
    "evaluation_id": "e",
    "retrieved_timestamp": "0",
    "source_metadata": {
        "source_type": "evaluation_run",
        "source_organization_name": "Org",
        "source_organization_url": "https://org.example",
        "evaluator_relationship": "first_party",
    },
    "model_info": {"name": "a", "id": "lab/a", "developer": "lab"},
    "eval_library": {"name": "unknown", "version": "unknown"},
    "evaluation_results": [],
}
RESULT = {
    "evaluation_name": "GPQA",
    "source_data": {"dataset_name": "gpqa", "source_type": "url", "url": ["https://data.example"]},
    "metric_config": {
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": 0,
        "max_score": 1,
        "evaluation_description": "accuracy",
    },
    "score_details": {"score": 0.5},
}


def record(*changes, **info):
    """A record with one result for each change, a mapping of dotted keys to values; None removes."""
    whole = copy.deepcopy(RECORD)
    whole["model_info"] |= info
    for change in changes:
        result = copy.deepcopy(RESULT)
        for key, value in change.items():
            *path, last = key.split(".")
            holder = result
            for name in path:
                holder = holder.setdefault(name, {})
            if value is None:
                del holder[last]
            else:
                holder[last] = value
        whole["evaluation_results"].append(result)
    return whole


@pytest.fixture
def load(tmp_path):
    def load(*records, name="r.json", **options):
        path = tmp_path / name
        path.write_text(json.dumps(records[0] if len(records) == 1 else list(records)), encoding="utf-8")
        return load_scores(path, **options)

    return load


def test_columns(load):
    (row,) = load(record({})).itertuples(index=False)
    assert (row.model, row.benchmark, row.score, row.lab) == ("lab/a", "GPQA", 0.5, "lab")
    assert (row.source_kind, row.source_url, row.conditions) == ("vendor", "https://data.example", "accuracy")


@pytest.mark.parametrize(
    ("metric", "score", "expected"),
    [
        ({"max_score": 100}, 25, 0.25),
        ({"min_score": -1}, 0, 0.5),
        ({"lower_is_better": True, "max_score": 4}, 1, 0.75),
        ({"score_type": "binary", "min_score": None, "max_score": None}, 1, 1.0),
        ({"score_type": "levels", "level_names": list("abcde"), "has_unknown_level": True}, 1, 0.25),
    ],
)
def test_the_range_makes_the_fraction(load, metric, score, expected):
    change = {f"metric_config.{key}": value for key, value in metric.items()}
    assert load(record(change | {"score_details.score": score}))["score"].tolist() == [expected]


@pytest.mark.parametrize(
    ("told", "data", "n_items"),
    [
        ({"standard_error": {"value": 0.05}, "num_samples": 80}, {}, 100.0),
        ({"confidence_interval": {"lower": 0.402, "upper": 0.598, "confidence_level": 0.95}}, {}, 100.0),
        ({"confidence_interval": {"lower": 0.4, "upper": 0.6}, "num_samples": 80}, {}, 80.0),
        ({"num_samples": 80}, {"samples_number": 200}, 80.0),
        ({}, {"samples_number": 200, "sample_ids": [1, 2, 3]}, 3.0),
        ({}, {"samples_number": 200}, 200.0),
    ],
)
def test_precision(load, told, data, n_items):
    change = {"score_details.uncertainty": told} | {
        f"source_data.{key}": value for key, value in data.items()
    }
    assert load(record(change))["n_items"].tolist() == [n_items]


def test_a_standard_error_is_scaled_with_the_score(load):
    change = {"metric_config.max_score": 100, "score_details.score": 50}
    change["score_details.uncertainty"] = {"standard_error": {"value": 5}}
    assert load(record(change))["n_items"].tolist() == [100.0]


def test_metrics_of_one_evaluation_are_benchmarks_of_their_own(load):
    f1 = {"metric_config.evaluation_description": "F1", "score_details.score": 0.4}
    table = load(record({}, f1), record({}, id="lab/b"))
    assert table["benchmark"].tolist() == ["GPQA (accuracy)", "GPQA (F1)", "GPQA (accuracy)"]


def test_data_set_and_evaluation_name_the_benchmark(load):
    table = load(record({"evaluation_name": "choice"}, {"evaluation_name": "g p q a"}))
    assert table["benchmark"].tolist() == ["gpqa: choice", "g p q a"]


def test_an_unknown_level_is_left_out_and_counted(load):
    levels = {"score_type": "levels", "level_names": ["no", "yes"], "has_unknown_level": True}
    change = {f"metric_config.{key}": value for key, value in levels.items()}
    with pytest.warns(EciWarning, match="1 results of the level Unknown were left out"):
        table = load(record(change | {"score_details.score": -1}, change | {"score_details.score": 1}))
    assert table["score"].tolist() == [1.0]


def test_folder_and_lines(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/one.json").write_text(json.dumps(record({})))
    (tmp_path / "a/two.json").write_text(json.dumps(record({}, id="lab/b")))
    (tmp_path / "a/zother.json").write_text("{}")
    with pytest.warns(EciWarning, match=r"1 files without evaluation_results were passed over, first zother"):
        assert load_scores(tmp_path / "a")["model"].tolist() == ["lab/a", "lab/b"]
    lines = tmp_path / "r.jsonl"
    lines.write_text("\n".join(json.dumps(record({}, id=name)) for name in "xy") + "\n")
    assert load_scores(lines)["model"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score_details.score": 2}, "column score: 2 lies outside its range from 0 to 1"),
        ({"score_details.score": "0.5"}, "column score: 0.5 is not a number"),
        ({"score_details.score": True}, "column score: 'True' is not a number"),
        ({"score_details": None}, "column score: is not a number"),
        ({"score_details": [1]}, "column score_details: '[1]' is no object"),
        ({"metric_config.max_score": None}, "min_score is missing, so the score has no scale"),
        ({"metric_config.max_score": 0}, "column max_score: 0 is not above the lowest score 0"),
        ({"metric_config.lower_is_better": None}, "'None' is neither true nor false"),
        ({"metric_config.score_type": "levels"}, "column max_score: -1 is not above"),
        ({"score_details.uncertainty": {"standard_error": {"value": -1}}}, "standard_error: -1 is negative"),
        ({"evaluation_name": None, "source_data": None}, "column benchmark: is blank"),
    ],
)
def test_faults_name_file_and_result(load, tmp_path, change, words):
    with pytest.raises(FaultyTableError) as caught:
        load(record({}, change))
    assert str(caught.value).startswith(f"{tmp_path / 'r.json'}, result 2, ")
    assert words in str(caught.value)


@pytest.mark.parametrize("score", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_none(tmp_path, score):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(record({})).replace('"score": 0.5', f'"score": {score}'))
    with pytest.raises(FaultyTableError, match="is not a number"):
        load_scores(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"evaluation_results": [', "not JSON"),
        (b'{"evaluation_results": "\xff"}', "byte 0xff"),
        (b'{"evaluation_results": ' + b"[" * 100_000, "not JSON"),
        (b'{"evaluation_results": ' + b"1" * 5000 + b"}", "not JSON|no result"),
        (b'{"evaluation_results": []}', "no result of Every Eval Ever"),
        (b'[1, "evaluation_results", {"x": "evaluation_results"}]', "no result of Every Eval Ever"),
    ],
)
def test_files_that_hold_nothing(tmp_path, content, words):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_scores(path)


def test_half_a_surrogate_is_escaped(load):
    assert load(record({}, id="a\ud800"))["model"].tolist() == ["a\\ud800"]


def test_inspect_without_its_library(tmp_path, monkeypatch):
    (tmp_path / "log.json").write_text('{"status": "success", "eval": {}, "plan": {}}')
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(DataError, match="its library, inspect_ai, is not installed"):
        load_scores(tmp_path / "log.json")


@pytest.mark.skipif(find_spec("inspect_ai") is None, reason="inspect_ai is not installed")
@pytest.mark.filterwarnings("ignore")  # the library's own: sockets left open, deprecated names
class TestInspect:
    @pytest.fixture(scope="class")
    def logs(self, tmp_path_factory):
        """Logs of a task with 12 samples, 8 right, twice; no model is called."""
        import inspect_ai
        from inspect_ai.dataset import Sample
        from inspect_ai.model import ModelOutput
        from inspect_ai.scorer import includes
        from inspect_ai.solver import solver

        @solver
        def canned():
            async def solve(state, generate):
                if state.sample_id == 99:
                    raise ValueError("a run that fails")
                state.output = ModelOutput.from_content("mock", "a" if state.sample_id % 3 else "b")
                return state

            return solve

        def run(folder, kind, ids):
            samples = [Sample(input="q", target="a", id=i) for i in ids]
            task = inspect_ai.Task(dataset=samples, solver=canned(), scorer=includes(), epochs=2, name="toy")
            inspect_ai.eval(task, model="mockllm/model", log_dir=str(folder), log_format=kind, display="none")
            return folder

        base = tmp_path_factory.mktemp("logs")
        return {kind: run(base / kind, kind, range(12)) for kind in ("eval", "json")} | {
            "failed": run(base / "failed", "eval", [99])
        }

    @pytest.mark.parametrize("kind", ["eval", "json"])
    def test_log(self, logs, kind):
        (file,) = logs[kind].iterdir()
        for path in (file, logs[kind]):
            (row,) = load_scores(path).itertuples(index=False)
            assert (row.model, row.benchmark) == ("mockllm/model", "toy")
            assert row.score == pytest.approx(2 / 3)
            assert row.n_items == 11  # the sample standard deviation divides by n - 1
            assert row.conditions.startswith("includes accuracy, ")
            assert row.source_url == str(file)

    def test_failed_log(self, logs):
        with pytest.raises(DataError, match="none of 1 logs ended in success"), pytest.warns(EciWarning):
            load_scores(logs["failed"])

    def test_damaged_log(self, logs, tmp_path):
        (file,) = logs["eval"].iterdir()
        (tmp_path / "cut.eval").write_bytes(file.read_bytes()[:3000])
        with pytest.raises(DataError, match="cannot read this log"):
            load_scores(tmp_path / "cut.eval", format="inspect")
