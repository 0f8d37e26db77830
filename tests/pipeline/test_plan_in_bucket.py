"""A plan that is read from a bucket: what lies beside it, below it, and what the bucket does."""

import io
import shutil
import time
from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import ServiceUnavailable

from transforms import plan_watch
from transforms.plan_files import plan_at
from transforms.plan_watch import PlanWatch

FOLDER = "gs://bank/plans/current"
SMALL = Path("tests/plans/small/plan.yaml")


@pytest.fixture
def bucket(monkeypatch):
    """Objects by name, each with its bytes and the size that the service says."""
    held: dict[str, tuple[bytes, int]] = {}

    def match(patterns):
        found = [FileMetadata(name, size, 1.0) for name, (_, size) in held.items()]
        return [MatchResult(patterns[0], found)]

    monkeypatch.setattr(FileSystems, "match", staticmethod(match))
    monkeypatch.setattr(FileSystems, "open", staticmethod(lambda name: io.BytesIO(held[name][0])))

    def put(name, data, size=None):
        held[name] = (data, len(data) if size is None else size)

    put(f"{FOLDER}/plan.yaml", SMALL.read_bytes())
    return put


def test_a_plan_in_a_bucket_is_the_plan_on_disk(bucket):
    assert plan_at(FOLDER).digest == plan_at(str(SMALL)).digest


def test_an_object_that_stands_for_the_folder_is_passed_over(bucket):
    bucket(f"{FOLDER}/", b"")
    bucket(f"{FOLDER}/model/", b"")
    assert plan_at(FOLDER).digest == plan_at(str(SMALL)).digest


def test_an_object_whose_name_leads_out_of_the_folder_is_written_nowhere(bucket, tmp_path):
    outside = tmp_path / "outside.txt"
    bucket(f"{FOLDER}/{'../' * 12}{str(outside)[1:]}", b"planted")
    with pytest.raises(ValueError, match="outside of the plan's folder"):
        plan_at(FOLDER)
    assert not outside.exists()


def test_a_plan_that_would_fill_the_disk_is_refused_before_it_is_fetched(bucket):
    bucket(f"{FOLDER}/model/arrays.npz", b"", size=2**40)
    with pytest.raises(ValueError, match="more than 512 MiB"):
        plan_at(FOLDER)


@pytest.mark.parametrize("away", ["stamp_of", "plan_at"])
def test_a_bucket_that_is_away_is_looked_at_again_whatever_it_raises(monkeypatch, tmp_path, away):
    shutil.copy(SMALL, tmp_path / "plan.yaml")
    looks, real = [], getattr(plan_watch, away)

    def found(path, *keys):
        looks.append(path)
        if len(looks) == 2:
            raise ServiceUnavailable("503")
        return real(path, *keys)

    monkeypatch.setattr(plan_watch, away, found)
    watch = PlanWatch(str(tmp_path), 0.01, lambda plan: plan, lambda old, new: None)
    watch.current()
    text = SMALL.read_text("utf-8").replace("\nname: ", "\nname: New ", 1)
    (tmp_path / "plan.yaml").write_text(text, "utf-8")
    until = time.monotonic() + 5
    while not watch.current().spec.name.startswith("New ") and time.monotonic() < until:
        time.sleep(0.02)
    assert watch.current().spec.name.startswith("New ")
    assert not watch._uncounted or [each.metric_name.name for each in watch._uncounted] == ["plan_reloaded"]
