"""Errors of steps say where they failed; no runner gets to log what they failed with."""

import ast
import inspect
import json
import pkgutil
import traceback
from importlib import import_module
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hosting import BOUNDED

import transforms
from models.plan.load import PlanError, load_plan
from transforms.discreet import Discreet, DiscreetFn, StepError, discreet

CANARY = "Zebedee Quillfeather 4929123456781234"


def _fails(element):
    raise ValueError(f"invalid literal: {element!r}")


def _fails_within(element):
    try:
        return _fails(element)
    except ValueError as error:
        raise KeyError(element) from error


class _Fails(DiscreetFn):
    def process(self, element):
        yield _fails_within(element)


class _FailsAtTheEnd(DiscreetFn):
    def start_bundle(self):
        self._kept = []

    def process(self, element):
        self._kept.append(element)
        return []

    def finish_bundle(self):
        _fails_within(self._kept)


def _run(step, caplog):
    """As Dataflow logs: from INFO on. At DEBUG Beam itself tells of bundles, and what a Create holds."""
    with caplog.at_level("INFO"), beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        _ = pipeline | beam.Create([CANARY], reshuffle=False) | step


@pytest.mark.parametrize(
    "step",
    [beam.ParDo(_Fails()), beam.ParDo(_FailsAtTheEnd()), beam.Map(Discreet(_fails_within))],
    ids=["process", "finish_bundle", "map"],
)
def test_neither_the_failure_of_a_job_nor_its_log_repeats_a_value(step, caplog, capfd):
    with pytest.raises(Exception, match="KeyError at") as failed:
        _run(step, caplog)
    said = capfd.readouterr()
    told = "".join(traceback.format_exception(failed.value))
    assert "_fails_within" in told, "the traceback still says where"
    for text in (told, caplog.text, said.out, said.err):
        assert "Zebedee" not in text
        assert "4929" not in text
    assert '"event": "step_failed"' in caplog.text


def test_the_same_failure_without_it_would_be_logged_with_its_value(caplog):
    """Else the test above could not fail."""
    with pytest.raises(Exception, match="Zebedee"):
        _run(beam.Map(_fails_within), caplog)
    assert "Zebedee" in caplog.text


def test_errors_about_the_banks_own_files_say_what_to_mend(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("plan: nextbeam/1\n")
    with pytest.raises(PlanError, match=r"plan\.yaml"):
        discreet(load_plan)(path)


def test_an_error_that_is_discreet_stays_as_it_is():
    def step():
        raise StepError("said by us")

    with pytest.raises(StepError, match=r"^said by us$"):
        discreet(step)()


class _Base(DiscreetFn):
    def start_bundle(self):
        raise PlanError(())


class _CallsItsBase(_Base):
    def start_bundle(self):
        super().start_bundle()


def _generating():
    yield from discreet(_raising)()


def _raising():
    raise StepError("said by us")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        pytest.param(lambda: _CallsItsBase().start_bundle(), PlanError, id="called-by-another-method"),
        pytest.param(lambda: list(discreet(_generating)()), StepError, id="within-a-generator"),
        pytest.param(Discreet(_raising), StepError, id="function"),
    ],
)
def test_whatever_fails_a_bundle_is_told_of_once_each_time(step, kind, caplog):
    """Somebody is paged by that line, and by nothing else."""
    for times in (1, 2, 3):
        with pytest.raises(kind):
            step()
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == times
        told = json.loads(lines[-1])
        assert (told["event"], told["error"]) == ("step_failed", kind.__name__)


def _classes():
    for module in pkgutil.walk_packages(transforms.__path__, "transforms."):
        for _, found in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(found, beam.DoFn) and found.__module__ == module.name:
                yield found


MAPS = ("beam.Map", "beam.FlatMap", "beam.Filter")
FUNCTIONS = ("setup", "start_bundle", "process", "finish_bundle", "teardown", "expire")


@pytest.mark.parametrize(
    "dofn",
    sorted(set(_classes()) - {DiscreetFn}, key=lambda dofn: dofn.__name__),
    ids=lambda dofn: dofn.__name__,
)
def test_every_step_of_ours_is_discreet(dofn):
    assert issubclass(dofn, DiscreetFn)
    own = [name for name in FUNCTIONS if name in vars(dofn)]
    assert all(hasattr(vars(dofn)[name], "__wrapped__") for name in own), own


def test_timers_are_discreet():
    """They are called by what the spec remembers, not by name."""
    from transforms.fold_hosts import FoldStateFn

    assert hasattr(FoldStateFn._DUE._attached_callback, "__wrapped__")
    assert FoldStateFn._DUE._attached_callback is vars(FoldStateFn)["expire"]


def test_functions_in_the_graph_are_discreet():
    """`beam.Map` of a bare function would let its errors speak."""
    calls = [
        (path.name, node)
        for path in Path(transforms.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in MAPS
    ]
    assert len(calls) > 4
    bare = [
        (name, ast.unparse(node))
        for name, node in calls
        if not ast.unparse(node.args[0]).startswith("Discreet(")
    ]
    assert [name for name, _ in bare] == ["sinks.py"], bare
    assert "_remove" in bare[0][1], "it handles names of files, and no records"
