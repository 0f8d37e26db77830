"""docs/threat-model.md: every threat has an answer, and every answer a proof that exists."""

import re

import pytest
from written import ROOT, headings, missing_test, named_tests, rows, section, text

PAGE = text("threat-model.md")
EDGES = [
    "Producer to topics",
    "Topics to job",
    "Job to topics and tables",
    "Plan publisher to bucket to job",
    "Operator to dead-letter replay",
    "Build to registry to job",
    "Analyst to views",
    "Live page",
]
THREATS = [(edge, *row) for edge in EDGES for row in rows(section(PAGE, edge))]
MUST = ["prompt injection", "formula injection", "stolen", "poisoned", "replay", "bomb", "harms", "hot key",
        "schema confusion", "error texts", "erased"]  # fmt: skip


def resources() -> set[str]:
    found = set()
    for file in (ROOT / "terraform").rglob("*.tf"):
        found |= {
            f"{kind}.{name}"
            for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', file.read_text("utf-8"), re.MULTILINE)
        }
    return found


def test_every_edge_is_there():
    assert headings(PAGE, 2) == [*EDGES, "What was tried, and found"]


@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_has_most_letters_of_stride_and_no_other(edge):
    letters = {row[0] for row in rows(section(PAGE, edge))}
    assert letters <= set("STRIDE")
    assert len(letters) >= 4


@pytest.mark.parametrize("threat", THREATS, ids=lambda row: f"{row[0]}: {row[2]}"[:60])
def test_an_answer_has_a_proof_that_exists(threat):
    _, _, told, answer, proof = threat
    assert told
    assert answer
    tests, cloud = named_tests(proof), re.findall(r"`(google_\w+\.\w+)`", proof)
    words = re.findall(r"\b(?:accepted|open): (.+)", proof)
    assert tests or cloud or words
    assert [missing for each in tests if (missing := missing_test(each))] == []
    assert all("::" in each for each in tests)
    assert set(cloud) <= resources()
    assert bool(cloud) == ("in the cloud:" in proof)
    assert all(len(each.split()) > 3 for each in words)
    assert len(re.findall(r"`[^`]+`", proof)) == len(tests) + len(cloud) or words


def test_what_has_to_be_thought_of_is():
    told = " ".join(f"{row[2]} {row[3]}" for row in THREATS).lower()
    assert [each for each in MUST if each not in told] == []


def test_every_test_that_is_named_anywhere_exists():
    assert [missing for each in named_tests(PAGE) if (missing := missing_test(each))] == []


def test_proofs_that_do_not_exist_are_found():
    assert missing_test("tests/contract/test_threat_model.py::test_that_is_not_there")
    assert missing_test("tests/contract/test_nothing.py::test_x")
    assert missing_test("tests/contract/test_threat_model.py::test_every_edge_is_there") is None
    assert "google_pubsub_topic.nothing" not in resources()
    assert len(resources()) > 50


def test_what_is_open_is_marked_and_what_was_tried_says_what_happened():
    opened = [row for row in THREATS if row[4].startswith("open:")]
    assert len(opened) == PAGE.count("| open: ")
    for tried, happened, now in rows(section(PAGE, "What was tried, and found")):
        assert tried
        assert happened
        assert now
