"""benchmarks.scaling: what is seen while events pass, halves of a workload, tables and the drawing."""

from xml.etree import ElementTree

import pytest

from benchmarks.decide50.folds import FILES
from benchmarks.decide50.report import placed
from benchmarks.decide50.running import ROOT
from benchmarks.scaling import measuring
from benchmarks.scaling.drawing import drawing
from benchmarks.scaling.measuring import Point, by_curve, generated, passed
from benchmarks.scaling.passing import count
from benchmarks.scaling.telling import PANELS, tables

POINTS = [
    Point("actions", "folds", 10.0, 20_000.0, "events per CPU s"),
    Point("actions", "nextbeam", 10.0, 9_000.0, "events per CPU s"),
    Point("actions", "folds", 50.0, 15_000.0, "events per CPU s"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return generated(tmp_path_factory.mktemp("scaling") / "work", customers=50, events=300)


def test_states_are_weighed_while_events_pass(data):
    seen = passed(data)
    last = seen[-1]
    assert last.lines == sum(count(data / name) for name in FILES)
    assert last.customers == 50
    assert last.state_bytes > seen[0].state_bytes > 0
    assert [each.lines for each in seen] == sorted(each.lines for each in seen)


def test_states_stop_growing_once_windows_are_full(tmp_path):
    seen = passed(generated(tmp_path / "work", customers=20, events=8000, days=400))
    parts = [
        sum(each.state_bytes for each in part) / len(part) for part in (seen[10:20], seen[20:35], seen[35:])
    ]
    assert max(parts) < 1.15 * min(parts)


def test_halves_share_no_customer_and_lose_no_line(data):
    halves = list(measuring._halves(data))
    for name in FILES:
        parts = [set((half / name).read_bytes().splitlines()) for half in halves]
        assert all(parts)
        assert set.union(*parts) == set((data / name).read_bytes().splitlines())
        assert not set.intersection(*parts)


def test_tables_leave_blank_what_was_not_measured():
    lines = [line for line in tables(POINTS) if line]
    assert lines[0] == "| actions | folds: events per CPU s | nextbeam: events per CPU s |"
    assert lines[2:] == ["| 10 | 20,000 | 9,000 |", "| 50 | 15,000 |  |"]


def test_the_drawing_is_one_even_of_few_points():
    panels = [(title, by_curve(POINTS, curve, unit)) for title, curve, unit in PANELS]
    assert ElementTree.fromstring(drawing(panels, "2026-11-21")).tag.endswith("svg")


@pytest.mark.parametrize("mark", ["decide50", "steps", "scaling"])
def test_the_document_has_a_place_for_each_report(mark):
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert "what is new" in placed(page, mark, "what is new")
