"""Log lines: what is on the list, in the form of its field, and nothing else."""

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.observability.log_lines import EVENTS, FORMS, Quota, line, pseudonym, sampled
from models.observability.traces import trace_context

PEPPER = b"sixteen bytes and more"
CANARIES = (
    "Zebedee Quillfeather",
    "4929 1234 5678 1234",
    "4929123456781234567890123",
    "20-45-53",
    "QQ 12 34 56 C",
    "QQ123456C",
    "zebedee@quillfeather.example",
    "+447700900123",
    '"}\n{"severity": "ERROR"',
)
FREE = {"detail"}
"""Fields of free text: of events about the plan only."""


@pytest.mark.parametrize("event", EVENTS)
@given(
    st.dictionaries(st.sampled_from([*FORMS, "name", "payload", "customer_id"]), st.sampled_from(CANARIES))
)
def test_no_field_of_an_event_takes_what_a_customer_might_be_called(event, fields):
    told = json.loads(line(event, {name: text for name, text in fields.items() if name not in FREE}))
    assert told == {"severity": EVENTS[event][0], "event": event}


@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(st.text(), st.text()))
def test_unknown_fields_are_dropped_and_lines_are_one_line(event, fields):
    text = line(event, fields)
    assert "\n" not in text
    assert json.loads(text).keys() <= EVENTS[event][1] | FORMS.keys()


def test_free_text_is_for_plans_only():
    assert {event for event, (_, own) in EVENTS.items() if own & FREE} == {"plan_refused"}


def test_every_field_has_a_form_and_is_used():
    used = set().union(*(own for _, own in EVENTS.values()))
    always = {"time", "severity", "event", "pipeline_version", "held_back"}
    assert used | always == FORMS.keys()


def test_an_event_that_is_not_listed_is_a_mistake():
    with pytest.raises(KeyError):
        line("surprise", {})


def test_the_same_customer_has_the_same_mark_under_the_same_pepper_only():
    mark = pseudonym("ana", PEPPER)
    assert FORMS["customer"].fullmatch(mark)
    assert mark == pseudonym("ana", PEPPER)
    assert len({mark, pseudonym("ann", PEPPER), pseudonym("ana", PEPPER + b"!"), None}) == 4
    assert pseudonym("ana", None) is None
    with pytest.raises(ValueError, match="16 bytes"):
        pseudonym("ana", b"salt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_about_the_share_is_sampled_and_always_the_same(share):
    names = [f"d{number}" for number in range(4000)]
    first = [sampled(name, share) for name in names]
    assert first == [sampled(name, share) for name in names]
    assert abs(sum(first) / len(names) - share) < 0.03


def test_a_quota_counts_what_it_holds_back_and_tells_it_with_the_next():
    quota = Quota(2)
    assert [quota.ask("a", now) for now in (0, 1, 2, 3)] == [0, 0, None, None]
    assert quota.ask("b", 3) == 0
    assert quota.ask("a", 59.9) is None
    assert [quota.ask("a", now) for now in (60, 61, 62)] == [3, 0, None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True),
        ),
        (
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02",
            ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", False),
        ),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-zebedee", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n", None),
        ("00-aa-bb-01", None),
        ("", None),
        (None, None),
    ],
)
def test_a_trace_context_is_whole_or_none(text, told):
    assert trace_context(text) == told


ROOT = Path(__file__).resolve().parents[2]
MAY_LOG = {
    "transforms/logs.py",
    "pipelines/cli.py",  # sets the level for commands on a terminal
    "pipelines/deploy/refusals.py",  # knows the names of levels; logs nothing
    # Where a job is launched, or all of it runs on this machine: names of topics and tables, and kinds of errors.
    "pipelines/local/direct_runner.py",
    "pipelines/provisioning/patience.py",
    "pipelines/provisioning/presence.py",
    "pipelines/lean.py",
    "pipelines/launch.py",  # looks at what Beam logs of workers, for what the machine refused; logs nothing
}


@pytest.mark.parametrize("layer", ["schemas", "models", "transforms", "pipelines"])
def test_nothing_else_logs(layer):
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / layer).rglob("*.py")
        if "import logging" in path.read_text("utf-8") or "getLogger" in path.read_text("utf-8")
    }
    assert found <= MAY_LOG


@pytest.mark.parametrize("layer", ["models", "transforms"])
def test_nothing_that_runs_in_a_worker_prints(layer):
    called = [
        (path, node.lineno)
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert called == []
