"""What a run prints, as agreed."""

import io
import os
import sys
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from pipelines.querying import Answer
from pipelines.report import print_answer, show, wide_console
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


def _said(summary: Summary) -> str:
    said = io.StringIO()
    show(summary, Path("out/my day"), Console(file=said, width=110))
    return said.getvalue()


def test_a_run_that_decided_nothing_shows_no_empty_tables_but_where_to_look():
    nothing = msgspec.structs.replace(SUMMARY, rows=SUMMARY.rows | {"decisions": 0}, examples=())
    said = _said(nothing)
    assert "Offered" not in said
    assert "nextbeam query" not in said
    assert said.endswith("  nextbeam dead-letters list --out 'out/my day'\n")


def test_a_run_without_dead_letters_does_not_send_anybody_to_look_at_some():
    assert "dead-letters" not in _said(msgspec.structs.replace(SUMMARY, dead_letters=()))


@pytest.mark.parametrize(
    ("called", "on_path", "says"),
    [
        (".venv/bin/nextbeam", None, "  .venv/bin/nextbeam explain"),
        (".venv/bin/nextbeam", "/usr/bin/nextbeam", "  nextbeam explain"),
        ("-m", None, "  nextbeam explain"),
    ],
)
def test_commands_are_shown_as_they_can_be_typed_here(called, on_path, says, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(Path.cwd() / called)])
    monkeypatch.setattr("shutil.which", lambda _: on_path)
    assert says in _said(SUMMARY)


WIDE = Answer(tuple(f"column_{n}" for n in range(16)), [tuple(f"value {n}" for n in range(16))])


def test_rows_too_wide_for_a_table_are_shown_one_below_the_other(capsys):
    print_answer(WIDE, "table")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["row 1", "column_0   value 0"]
    assert lines[-2:] == ["column_15  value 15", "(1 row)"]


def test_no_rows_of_many_columns_name_the_columns(capsys):
    print_answer(Answer(WIDE.columns, []), "table")
    assert capsys.readouterr().out == f"columns: {', '.join(WIDE.columns)}\n(0 rows)\n"


def test_a_long_cell_is_folded_but_no_name_of_a_column(capsys):
    print_answer(Answer(("the_name_of_a_column", "text"), [("a", "word " * 60), ("b", "")]), "table")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["the_name_of_a_column", "text"]
    assert len(lines) > 4
    assert lines[-1] == "(2 rows)"


def test_csv_has_the_line_ends_of_a_shell(capsys):
    print_answer(Answer(("a", "b"), [("x", None)]), "csv")
    assert capsys.readouterr().out == "a,b\nx,\n"


def test_a_reader_who_goes_away_is_no_finding(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        with pytest.raises(BrokenPipeError):
            wide_console().print("x")
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), nobody.fileno())
