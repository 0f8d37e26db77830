"""What a run prints, as agreed."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.report import show
from pipelines.summary import Accounting, Left, Named, Offered, Summary, account

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "summary.txt"

SUMMARY = Summary(
    plan="a bank",
    plan_digest="0123456789abcdef",
    model_digest="fedcba9876543210",
    accounting=Accounting(inputs=12, decided=3, observed=6, duplicates=2, dead_letters=1),
    accounted=True,
    rows={"decisions": 3, "feedback": 2, "sessions": 2, "dead_letters": 1},
    customers=2,
    no_action=(Named(name="contact_policy", count=1),),
    offered=(Offered(issue="grow", group="savings", channel="app", offers=1_234, customers=2, positive=1),),
    funnel=(
        Left(stage="Eligibility", candidates=30, share=0.75, top_rules=(("adult", 20), ("consent", 10))),
        Left(stage="Output", candidates=10, share=0.25, top_rules=()),
    ),
    feedback=(Named(name="Accepted", count=1), Named(name="NoResponse", count=1)),
    dead_letters=(Named(name="too_large", count=1),),
    examples=("aabbccddeeff00112233445566778899",),
    spent={"wall_s": 1.25, "cpu_s": 1.0},
)


def test_the_summary_reads_as_agreed():
    said = io.StringIO()
    show(SUMMARY, Path("out/day"), Console(file=said, width=110))
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        GOLDEN.write_text(said.getvalue())
    assert said.getvalue() == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("lost", "balanced"), [pytest.param(0, True, id="all-there"), pytest.param(1, False, id="one-lost")]
)
def test_an_event_that_is_lost_unbalances_the_accounts(lost, balanced):
    counters = {
        "signals_read": 10,
        "outcomes_read": 4,
        "signals_skipped": 1,
        "signals_rejected": 2,
        "events_decided": 3 - lost,
        "events_observed": 6,
        "events_duplicate": 1,
        "events_dead_lettered": 1,
    }
    accounting = account(counters)
    assert accounting.inputs == 13
    assert accounting.skipped == 1
    assert accounting.balanced is balanced
