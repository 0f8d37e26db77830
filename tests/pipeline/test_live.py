"""`nextbeam live`: everything starts, works together, and nothing is left when it ends, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from pipelines.local.ports import claim_port
from pipelines.local.processes import UnavailableError
from pipelines.local.pubsub import find_jar, find_java

pytestmark = pytest.mark.slow
LAST = re.compile(
    r"stopped; (?P<signals>[\d,]+) signals .*, (?P<decisions>[\d,]+) decisions .*, age p50 (?P<age>[\d,]+) ms .*, "
    r"(?P<feedback>[\d,]+) feedback, (?P<letters>[\d,]+) dead letters, (?P<over>\d+) contacts over a limit"
)

ROWS = re.compile(r"\(\d+ rows?\)")


@contextmanager
def live(tmp_path, *flags, **how):
    """The command, started, with what it has written so far."""
    try:
        find_java(os.environ), find_jar(os.environ)
    except UnavailableError as error:
        pytest.skip(str(error))
    log = tmp_path / "said"
    kept = {name: value for name, value in os.environ.items() if not name.endswith("EMULATOR_HOST")}
    command = [sys.executable, "-m", "pipelines.cli", "live", "--customers", "60", *flags]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            env=kept | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            **how,
        )
    try:
        yield process, lambda: log.read_text("utf-8", "replace")
    finally:
        process.kill()
        process.wait()


def _family(process):
    return psutil.Process(process.pid).children(recursive=True)


def _named(process, *words):
    """The part whose command has these words, once it runs; its keeper is another."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        for each in _family(process):
            try:
                line = each.cmdline()
            except psutil.Error:
                continue
            if not any("keeper.py" in part for part in line) and set(words) <= set(line):
                return each
        time.sleep(0.2)
    raise AssertionError(f"{words} did not start")


def _all_gone(processes, within_s=20):
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def _exported(said):
    """What it says that other commands need, as they would have it."""
    return dict(re.findall(r"^  export (\w+)=(\S+)$", said, re.MULTILINE))


def _asked(environ, *command):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *command],
        check=False,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bank_lives_for_a_while_and_leaves_nothing_behind(tmp_path):
    port = claim_port(None, what="it", flag="--it")
    flags = ("--for", "20", "--rate", "40", "--pubsub_port", str(port))
    with live(tmp_path, *flags) as (process, said):
        _named(process, "pipelines.cli", "signals")
        exported = _exported(said())
        assert exported["PUBSUB_EMULATOR_HOST"] == f"127.0.0.1:{port}"
        listed = _asked(exported, "dead-letters", "list", "--subscription", "dead-letter-review")
        assert ROWS.search(listed)
        if "BIGQUERY_EMULATOR_HOST" in exported:
            assert ROWS.search(_asked(exported, "dead-letters", "list", "--dataset", "nextbeam"))
        family = _family(process)
        assert len(family) >= 10  # five or six parts, each with its keeper
        assert process.wait(90) == 0, said()
    assert _all_gone(family, 1) == []
    assert "the live page: http://127.0.0.1:" in said()
    found = LAST.search(said())
    assert found, said()
    counted = {name: int(value.replace(",", "")) for name, value in found.groupdict().items()}
    assert counted["signals"] > 250
    assert counted["decisions"] > 30
    assert counted["feedback"] > 10
    assert counted["age"] < 10_000
    assert counted["over"] == 0
    assert [each.name for each in tmp_path.iterdir()] == ["said"]  # its folder is gone, too


@pytest.mark.parametrize(
    ("words", "name", "log"),
    [
        (("pipelines.cli", "channels"), "the channels", "channels.log"),
        (("-jar",), "the Pub/Sub emulator", "pubsubemulator.log"),
    ],
)
def test_a_part_that_dies_is_named_with_its_last_words_and_ends_the_rest(tmp_path, words, name, log):
    with live(tmp_path, "--no-bigquery") as (process, said):
        _named(process, "pipelines.cli", "signals")
        part = _named(process, *words)
        family = _family(process)
        part.send_signal(signal.SIGKILL)
        assert process.wait(60) == 2
    assert _all_gone(family, 1) == []
    assert f"error: {name} ended with code {128 + signal.SIGKILL}" in said()
    assert log in said()
    assert "all logs are in" in said()


def _as_in_the_background():
    """A shell without job control has its background jobs ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_it_is_killed_or_interrupted_on_the_way(tmp_path, number):
    with live(tmp_path, "--no-bigquery", preexec_fn=_as_in_the_background) as (process, said):
        _named(process, "pipelines.cli", "watch")
        family = _family(process)
        process.send_signal(number)
        code = process.wait(60)
        assert code == (0 if number == signal.SIGINT else -number), said()
        assert _all_gone(family) == []
