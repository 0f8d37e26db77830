"""Progress on a terminal, and none where there is no terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import cli

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated bank."""
    folder = tmp_path_factory.mktemp("bank")
    assert cli.main(["simulate", "--customers", "40", "--out", str(folder)]) == 0
    return folder


def _command(bank: Path, out: Path, *flags: str) -> list[str]:
    inputs = ["--signals", str(bank / "signals.jsonl"), "--plan", "uk_bank", "--out", str(out)]
    return [sys.executable, "-m", "pipelines.cli", "run", *inputs, *flags]


def _on_terminal(command: list[str]) -> str:
    """What a command says on standard error when that is a terminal."""
    reader, writer = pty.openpty()
    said = b""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=writer) as process:
        os.close(writer)
        while block := _read(reader):
            said += block
    os.close(reader)
    assert process.returncode == 0
    return said.decode(errors="replace")


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # the other end is closed
        return b""


def test_a_terminal_shows_what_was_read_folded_and_written(bank, tmp_path):
    said = _on_terminal(_command(bank, tmp_path / "out"))
    lines = (bank / "signals.jsonl").read_bytes().count(b"\n")
    assert all(name in said for name in ("read", "folded", "written"))
    assert f"{lines}/{lines}" in said


def test_quiet_shows_nothing(bank, tmp_path):
    assert _on_terminal(_command(bank, tmp_path / "out", "--quiet")) == ""


def test_without_a_terminal_there_is_no_progress(bank, tmp_path):
    done = subprocess.run(
        _command(bank, tmp_path / "out"), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "inputs =" in done.stdout
