"""Two small plans over a fixed history: the text, the same from every process; an interrupt leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from bank_arrivals import PLAN, busy_days

from pipelines import cli
from pipelines.diffing import Question, diff
from pipelines.diffing_page import page
from pipelines.history import find_history
from schemas import Signal

GOLDEN = Path(__file__).parent.parent / "golden" / "plan_diff_small.txt"
ROOT = GOLDEN.parent.parent.parent
EDITS = {"value: 120": "value: 300", "at_most: 3, per: 1d": "at_most: 2, per: 1d"}


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, ours from now on, with the plan as it is, a draft of it, and a history of some days."""
    monkeypatch.chdir(tmp_path)
    text = Path(PLAN.path).read_text(encoding="utf-8")
    changed = text
    for before, after in EDITS.items():
        assert before in changed
        changed = changed.replace(before, after, 1)
    Path("now.yaml").write_text(text, encoding="utf-8")
    Path("draft.yaml").write_text(changed, encoding="utf-8")
    Path("days").mkdir()
    events = busy_days(2_000)
    write("signals", [event for event in events if isinstance(event, Signal)])
    write("outcomes", [event for event in events if not isinstance(event, Signal)])
    return tmp_path


def write(name: str, events: Sequence[msgspec.Struct]) -> None:
    lines = [msgspec.json.encode(event) for event in events]
    Path("days", f"{name}.jsonl").write_bytes(b"\n".join([*lines, b'{"torn": ', b""]))


def said(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert cli.main(["plan", "diff", *command]) == 0
    return capsys.readouterr().out


def test_what_two_plans_do_differently_reads_as_in_the_golden_file(bank, capsys):
    text = said(capsys, "now.yaml", "draft.yaml", "--history", "days")
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_plan_compared_with_itself_says_so_and_is_no_finding(bank, capsys):
    text = said(capsys, "now.yaml", "now.yaml", "--history", "days")
    assert "no difference: what both plans did is the same in all that is counted here" in text
    assert "none: every action is offered as often" in text


def test_text_json_and_page_are_the_same_bytes_however_many_processes_make_them(bank):
    history = find_history("days", (), ())
    question = Question((Path("now.yaml"), Path("draft.yaml")), history)
    alone, shared = (diff(question, processes=processes) for processes in (1, 2))
    assert msgspec.json.encode(alone) == msgspec.json.encode(shared)
    assert page(alone) == page(shared)


def test_lines_that_are_no_events_at_all_are_refused_with_what_is_wrong(bank, capsys):
    for file in Path("days").iterdir():
        file.write_bytes(b"{}\nnonsense\n")
    assert cli.main(["plan", "diff", "now.yaml", "draft.yaml", "--history", "days"]) == 2
    error = capsys.readouterr().err
    assert "nothing in the history is an event of these plans: 4 lines, " in error
    assert "--mapping" in error


def test_a_plan_that_cannot_be_loaded_is_refused_before_anything_starts(bank, capsys):
    Path("draft.yaml").write_text("plan: nextbeam/1\nname: [", encoding="utf-8")
    assert cli.main(["plan", "diff", "now.yaml", "draft.yaml", "--history", "days", "--html", "x.html"]) == 2
    captured = capsys.readouterr()
    assert "plan B is refused" in captured.err
    assert captured.out == ""
    assert not Path("x.html").exists()


def test_an_interrupt_ends_it_and_leaves_nothing_behind(bank):
    for file in Path("days").iterdir():
        with file.open("ab") as lines:
            lines.write(
                b'{"torn": \n' * 1_000_000
            )  # long enough to be shared among processes, and to be met in it
    Path("tmp").mkdir()
    command = [sys.executable, "-m", "pipelines.cli", "plan", "diff"]
    plans = [str(bank / "now.yaml"), str(bank / "draft.yaml"), "--history", str(bank / "days")]
    process = subprocess.Popen(
        [*command, *plans, "--html", str(bank / "page.html")],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(bank / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(Path("tmp").glob("nextbeam-diff-*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in error
    assert "stopped" in error
    assert list(Path("tmp").iterdir()) == []
    assert not Path("page.html").exists()
