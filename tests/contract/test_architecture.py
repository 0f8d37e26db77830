"""docs/architecture.md and its drawings: current, within their boxes, and about things that exist."""

import importlib
import re
import xml.etree.ElementTree as ET

import pytest
from written import ROOT, missing_code, missing_test, named_tests, rows, section, text

from docs.diagrams import boxes, sequence
from docs.diagrams.__main__ import drawings, drawn, stale
from docs.diagrams.text import lines, width
from models.context.state import ContextState
from models.context.state import encode_state as encoded_context
from models.ledger.state import LedgerState
from models.ledger.state import encode_state as encoded_ledger

PAGE = text("architecture.md")
DRAWINGS = {file.name: drawing for file, drawing in drawings()}
PARTS = {
    name: [part for key in ("nodes", "members") for part in drawing.get(key, ())]
    for name, drawing in DRAWINGS.items()
}


def test_drawings_are_what_their_data_say():
    assert stale() == []


def test_every_drawing_is_on_the_page_and_every_picture_is_there():
    shown = set(re.findall(r"\(diagrams/([\w-]+\.svg)\)", PAGE))
    assert shown == set(DRAWINGS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_what_a_drawing_names_exists(name):
    named = [reference for part in PARTS[name] for reference in part.get("code", ())]
    assert named
    assert [missing for each in named if (missing := missing_code(each))] == []


@pytest.mark.parametrize("name", ["components.svg", "decision.svg"])
def test_a_component_has_the_name_of_the_class_or_function_that_it_is(name):
    for part in PARTS[name]:
        if part["kind"] in {"system", "store"}:
            classes = {reference.partition(":")[2] for reference in part["code"]}
            assert set(part["name"].split(", ")) <= classes


def test_topics_of_the_containers_are_all_topics_that_hold_contracts():
    from pipelines.provisioning.resources import TABLES, TOPICS

    told = {reference for part in PARTS["containers.svg"] for reference in part["code"]}
    assert {f"topic:{each.name}" for each in TOPICS if each.contract} == {
        each for each in told if each.startswith("topic:")
    }
    assert {f"table:{each.name}" for each in TABLES} <= told


@pytest.mark.parametrize("name", DRAWINGS)
def test_arrows_join_what_is_drawn_and_ids_are_unique(name):
    ids = [part["id"] for part in PARTS[name]]
    assert len(ids) == len(set(ids))
    for arrow in DRAWINGS[name].get("edges", DRAWINGS[name].get("steps")):
        assert {arrow["from"], arrow["to"]} <= set(ids)


@pytest.mark.parametrize("name", [name for name, each in DRAWINGS.items() if "nodes" in each])
def test_boxes_do_not_overlap(name):
    placed = list(boxes.Grid(DRAWINGS[name]).boxes.values())
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            apart = [
                one.at[axis] + one.size[axis] <= other.at[axis]
                or other.at[axis] + other.size[axis] <= one.at[axis]
                for axis in (0, 1)
            ]
            assert any(apart)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_xml_for_light_and_dark_with_nothing_outside_of_it(name):
    picture = drawn(DRAWINGS[name])
    root = ET.fromstring(picture)
    wide, high = map(float, root.attrib["viewBox"].split()[2:])
    assert root.attrib["aria-label"]
    assert "prefers-color-scheme: dark" in picture
    for each in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y = float(each.attrib["x"]), float(each.attrib["y"])
        told = width(each.text or "", 16 if each.get("class") == "title" else 12, bold=True)
        left = x - told / 2 if each.get("text-anchor") == "middle" else x
        assert left >= -2
        assert left + told <= wide + told * 0.15
        assert 0 < y < high


def test_a_text_that_does_not_fit_is_refused():
    drawing = {"title": "x", "cell": [60, 30], "gap": [10, 10]}
    one = {"id": "a", "kind": "system", "at": [0, 0], "name": "short"}
    assert "<svg" in boxes.draw({**drawing, "nodes": [one]})
    for bad in ({"name": "incomprehensibilities"}, {"text": "many short words that fill many lines"}):
        with pytest.raises(ValueError, match=r"fit|high"):
            boxes.draw({**drawing, "nodes": [{**one, **bad}]})
    with pytest.raises(ValueError, match="fit"):
        boxes.draw(
            {**drawing, "nodes": [one], "groups": [{"title": "much wider than it is", "nodes": ["a"]}]}
        )
    members = [{"id": each, "kind": "system", "name": each} for each in "ab"]
    steps = [{"from": "a", "to": "b", "text": "incomprehensibilities"}]
    with pytest.raises(ValueError, match="fit"):
        sequence.draw({"title": "x", "column": 60, "members": members, "steps": steps})


def test_lines_hold_every_word_within_the_room():
    told = "the quick brown fox jumps over the lazy dog" * 2
    broken = lines(told, 11, 90)
    assert " ".join(broken) == told
    assert all(width(line, 11) <= 90 for line in broken)


def test_versions_of_states_are_those_of_the_code():
    found = {row[3].strip("`"): row for row in rows(section(PAGE, "State and its versions"))}
    assert set(found) == {
        "models.decide",
        "models.context.state",
        "models.ledger.state",
        "models.ledger.household_state",
    }
    for module, row in found.items():
        assert int(row[1]) == importlib.import_module(module).VERSION
        assert int(row[2].split(", ")[-1]) == int(row[1])
    assert encoded_context(ContextState())[0] == int(found["models.context.state"][1])
    assert encoded_ledger(LedgerState())[0] == int(found["models.ledger.state"][1])


def test_every_invariant_names_tests_that_exist():
    invariants = rows(section(PAGE, "Invariants"))
    assert len(invariants) >= 8
    for told, where in invariants:
        named = named_tests(where)
        assert named, told
        assert [missing for each in named if (missing := missing_test(each))] == []
    assert [missing for each in named_tests(PAGE) if (missing := missing_test(each))] == []


def test_links_of_the_page_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
