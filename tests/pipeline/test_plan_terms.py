"""What a job was started with holds every process of it, however late it starts, and nothing else is decided by."""

import json
import logging
import pickle
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import uk_bank
from google.api_core.exceptions import ServiceUnavailable
from own_sleep import instead_of_sleep

from models.plan.load import PlanError
from models.plan.terms import PlanRefusedError, PlanTerms
from transforms import plan_first, plan_source, plan_watch
from transforms.discreet import discreet
from transforms.plan_first import FirstPlan, tell_of
from transforms.plan_source import PlanSource

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bank(tmp_path) -> Path:
    return Path(shutil.copytree(uk_bank.FOLDER, tmp_path / "plan"))


@pytest.fixture(autouse=True)
def started_anew(monkeypatch):
    """What a process knows as it starts; calling it again starts another one."""

    def start() -> None:
        monkeypatch.setattr(plan_source, "_watches", {})
        monkeypatch.setattr(plan_source, "_handles", {})

    start()
    return start


def _cut(bank: Path, file: str, starts: str) -> None:
    """A copy that ended early; it is valid."""
    text = (bank / file).read_text("utf-8")
    (bank / file).write_text(text[: text.index(starts)], "utf-8")


def _by_household(bank: Path) -> None:
    file = bank / "contact.yaml"
    limits = file.read_text("utf-8").replace("  limits:\n", "  limits:\n    - WHOSE\n", 1)
    assert "WHOSE" in limits
    added = "{id: limit-home, at_most: 50, per: 7d, each: customer, whose: household}"
    file.write_text(limits.replace("WHOSE", added), "utf-8")


CHANGES = [
    pytest.param(lambda bank: _cut(bank, "contact.yaml", "  limits:"), "contact.limits", id="cut"),
    pytest.param(_by_household, "limits by household came or went", id="household"),
]


@pytest.mark.parametrize("refresh_s", [None, 3600.0], ids=["snapshot", "refreshed"])
@pytest.mark.parametrize(("change", "why"), CHANGES)
def test_a_process_that_starts_later_refuses_what_those_before_it_refuse(
    change, why, refresh_s, bank, started_anew, caplog
):
    launched = PlanSource(str(bank), refresh_s=refresh_s).as_launched()
    shipped = pickle.dumps(launched)
    change(bank)
    started_anew()
    with pytest.raises(PlanRefusedError, match=why):
        discreet(pickle.loads(shipped).load)()
    told = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["event"] for line in told] == ["plan_refused", "step_failed"]
    assert why in told[0]["detail"]


def test_a_worker_of_its_own_refuses_it_too(bank):
    shipped = bank.parent / "source"
    shipped.write_bytes(pickle.dumps(PlanSource(str(bank), refresh_s=60.0).as_launched()))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).load().plan.spec.name)"
    worker = [sys.executable, "-c", code, str(shipped)]
    assert subprocess.run(worker, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    _cut(bank, "contact.yaml", "  limits:")
    late = subprocess.run(worker, capture_output=True, text=True, check=False, cwd=ROOT)
    assert late.returncode
    assert "PlanRefusedError: contact.limits: there were some" in late.stderr


def test_a_plan_that_lacks_nothing_the_job_has_is_taken_by_all(bank, started_anew):
    shipped = pickle.dumps(PlanSource(str(bank), refresh_s=3600.0).as_launched())
    text = (bank / "plan.yaml").read_text("utf-8")
    (bank / "plan.yaml").write_text(text.replace("\nname: ", "\nname: New ", 1), "utf-8")
    started_anew()
    assert pickle.loads(shipped).load().plan.spec.name.startswith("New ")


def test_a_launcher_reads_its_plan_once(bank, monkeypatch):
    read, real = [], plan_watch.plan_at
    monkeypatch.setattr(plan_watch, "plan_at", lambda *about: read.append(about) or real(*about))
    source = PlanSource(str(bank), refresh_s=3600.0)
    held = source.as_launched()
    assert held.terms == PlanTerms.of(held.load().plan)
    assert held.load() is source.load()
    assert len(read) == 1


def test_a_plan_that_is_good_again_is_decided_by(bank, started_anew, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(plan_first.time, "monotonic", lambda: now[0])
    good = (bank / "contact.yaml").read_text("utf-8")
    source = PlanSource(str(bank), refresh_s=3600.0).as_launched()
    _cut(bank, "contact.yaml", "  limits:")
    started_anew()
    with pytest.raises(PlanRefusedError):
        source.load()
    (bank / "contact.yaml").write_text(good, "utf-8")
    now[0] += 1
    assert source.load().plan.spec.contact.limits


def test_a_bucket_is_asked_ever_more_seldom_and_after_a_success_at_once(monkeypatch):
    now, tries, works = [0.0], [], [False]
    monkeypatch.setattr(plan_first.time, "monotonic", lambda: now[0])

    def read() -> str:
        tries.append(now[0])
        if not works[0]:
            raise ServiceUnavailable("503")
        return "plan"

    first = FirstPlan(read)
    for _ in range(3000):
        with pytest.raises((ServiceUnavailable, PlanRefusedError)):
            first.load()
        now[0] += 0.1
    between = [later - earlier for earlier, later in pairwise(tries)]
    assert between[:7] == pytest.approx([1, 2, 4, 8, 16, 32, 60], abs=0.11)
    assert max(between) < 60.2
    works[0] = True
    now[0] += 60
    assert first.load() == first.load() == "plan"


def test_the_text_of_an_error_that_is_not_ours_is_not_told(caplog):
    caplog.set_level(logging.INFO)
    assert tell_of(PlanError(()), "ab" * 8) == ""
    for error in (
        ValueError("Zebedee Quillfeather"),
        UnicodeDecodeError("utf-8", b"Zebedee", 0, 1, "Zebedee"),
    ):
        tell_of(error, "ab" * 8)
    tell_of(ServiceUnavailable("Zebedee"), "ab" * 8)
    tell_of(PlanRefusedError("x" * 3000), "ab" * 8)
    told = [json.loads(record.getMessage()) for record in caplog.records]
    assert "Zebedee" not in caplog.text
    assert [(line["event"], line.get("detail")) for line in told] == [
        ("plan_refused", None),
        ("plan_refused", "ValueError"),
        ("plan_refused", "UnicodeDecodeError"),
        ("plan_unreadable", None),
        ("plan_refused", "x" * 2000),
    ]


def test_a_watch_tells_only_the_kind_of_errors_of_others(bank, monkeypatch, caplog):
    watch = plan_watch.PlanWatch(str(bank), 3600.0, lambda plan: plan, lambda old, new: None)
    before = watch.current()
    instead_of_sleep(monkeypatch, plan_watch, lambda: None)

    def broken(*_):
        raise ValueError("Zebedee Quillfeather")

    monkeypatch.setattr(plan_watch, "plan_at", broken)
    (bank / "plan.yaml").touch()
    watch._stamp = ()
    watch._look()
    assert watch.current() is before
    assert json.loads(caplog.records[-1].getMessage())["detail"] == "ValueError"
    assert "Zebedee" not in caplog.text


def test_a_graph_holds_the_terms(bank, started_anew):
    """What a worker unpickles of the job itself, and not only of a source made by a test."""
    import apache_beam as beam
    from apache_beam.internal import pickler
    from apache_beam.portability.api import beam_runner_api_pb2 as beam_api

    from pipelines.decisioning import build
    from pipelines.flags import Config

    pipeline = beam.Pipeline()
    empty = [pipeline | name >> beam.Create([], reshuffle=False) for name in ("s", "o")]
    build(*empty, Config(signals=(), outcomes=(), plan=bank, out=bank))
    found = []
    for transform in pipeline.to_runner_api().components.transforms.values():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = beam_api.ParDoPayload.FromString(transform.spec.payload).do_fn.payload
            found += _sources(pickler.loads(payload), 5)
    assert len(found) > 2
    assert {source.terms for source in found} == {PlanTerms.of(PlanSource(str(bank)).load().plan)}


def _sources(value: object, depth: int) -> list[PlanSource]:
    """All plan sources within a value."""
    if isinstance(value, PlanSource):
        return [value]
    if not depth:
        return []
    parts = list(value) if isinstance(value, tuple | list) else list(getattr(value, "__dict__", {}).values())
    return [each for part in parts for each in _sources(part, depth - 1)]


def test_looking_again_takes_no_time_of_bundles(bank, monkeypatch):
    watch = plan_watch.PlanWatch(str(bank), 3600.0, lambda plan: plan, lambda old, new: None)
    watch.current()
    monkeypatch.setattr(plan_watch, "plan_at", lambda *_: time.sleep(60))
    began = time.perf_counter()
    watch.current()
    assert time.perf_counter() - began < 5
