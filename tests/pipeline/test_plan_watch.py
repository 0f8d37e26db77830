"""PlanWatch: what it has to count waits for a step; what is being written is not taken; safety does not vanish."""

import shutil
from pathlib import Path

import apache_beam as beam
import pytest
import uk_bank
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from bank_arrivals import PLAN
from hosting import BOUNDED
from own_sleep import instead_of_sleep

from models.plan.compiled import Plan
from models.plan.terms import PlanTerms
from transforms import plan_watch
from transforms.metrics import PLAN_REFUSED
from transforms.plan_watch import PlanWatch


@pytest.fixture(scope="module")
def watch() -> PlanWatch:
    watch = PlanWatch(PLAN.path, 3600.0, lambda plan: plan, lambda old, new: None)
    watch.current()
    return watch


class _Ask(beam.DoFn):
    """Asks as steps do."""

    asked: PlanWatch

    def start_bundle(self):
        _Ask.asked.current()

    def process(self, element):
        yield element


def test_asking_outside_of_a_step_leaves_the_counting_to_a_step(watch):
    watch._uncounted.append(PLAN_REFUSED)
    assert watch.current().digest == PLAN.load().plan.digest
    _Ask.asked = watch
    pipeline = beam.Pipeline(options=PipelineOptions(list(BOUNDED)))
    _ = pipeline | beam.Create([1], reshuffle=False) | beam.ParDo(_Ask())
    result = pipeline.run()
    result.wait_until_finish()
    [counter] = result.metrics().query(MetricsFilter().with_name("plan_refused"))["counters"]
    assert counter.committed == 1


@pytest.fixture
def folder(tmp_path) -> Path:
    """A plan of one's own."""
    whole = Path(PLAN.path)
    return Path(shutil.copytree(whole.parent if whole.is_file() else whole, tmp_path / "plan"))


def _renamed(folder: Path, name: str) -> None:
    [main] = [file for file in folder.glob("*.y*ml") if "\nname:" in "\n" + file.read_text()]
    lines = main.read_text().splitlines(keepends=True)
    main.write_text("".join(f"name: {name}\n" if line.startswith("name:") else line for line in lines))


def test_files_that_go_on_changing_are_left_for_the_next_look(folder, monkeypatch):
    watch = PlanWatch(str(folder), 3600.0, lambda plan: plan, lambda old, new: None)
    watch.current()
    _renamed(folder, "half")

    instead_of_sleep(monkeypatch, plan_watch, lambda: _renamed(folder, "the whole of it"))
    watch._look()
    assert watch.current().spec.name not in ("half", "the whole of it")
    instead_of_sleep(monkeypatch, plan_watch, lambda: None)
    watch._look()
    assert watch.current().spec.name == "the whole of it"


def test_what_is_written_while_it_is_read_is_read_again(folder, monkeypatch):
    watch = PlanWatch(str(folder), 3600.0, lambda plan: plan, lambda old, new: None)
    watch.current()
    instead_of_sleep(monkeypatch, plan_watch, lambda: None)
    _renamed(folder, "first")
    read = plan_watch.plan_at

    def slowly(path, keys):
        plan = read(path, keys)
        _renamed(folder, "and then another")
        return plan

    monkeypatch.setattr(plan_watch, "plan_at", slowly)
    watch._look()
    assert watch.current().spec.name != "first"
    monkeypatch.setattr(plan_watch, "plan_at", read)
    watch._look()
    assert watch.current().spec.name == "and then another"


@pytest.mark.parametrize(
    ("file", "starts", "what"),
    [("contact.yaml", "limits:", "contact.limits"), ("policies.yaml", "", "policies")],
)
def test_a_plan_that_was_cut_off_before_its_limits_is_not_gone_over_to(tmp_path, file, starts, what):
    """Each of these is valid."""
    whole = Plan.load(uk_bank.FOLDER)
    folder = Path(shutil.copytree(uk_bank.FOLDER, tmp_path / "plan"))
    text = (folder / file).read_text()
    (folder / file).write_text(text[: text.index(starts)] or "policies: []\n")
    said = PlanTerms.of(whole).refusal(Plan.load(folder))
    assert said is not None
    assert said.startswith(what)
    assert PlanTerms.of(Plan.load(folder)).refusal(whole) is None
