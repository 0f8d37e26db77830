"""What the machine refuses is one sentence with a remedy; what is ours to mend stays a traceback."""

import errno
import io
import logging
import os
import signal
import sys
import threading

import apache_beam as beam
import duckdb
import pytest

from pipelines import cli
from pipelines.options import beam_options
from pipelines.refusals import refused, told
from pipelines.stopping import terminable


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, "Error writing bytes"),
            "No space left on device; make room, or write elsewhere",
        ),
        (PermissionError(errno.EACCES, "no", "a/b"), "'a/b': Permission denied; check its permissions"),
        (
            PermissionError(errno.EACCES, "Failed to open local file '/a/b'. Detail: [errno 13] no"),
            "'/a/b': Permission denied; check its permissions",
        ),
        (OSError(errno.EROFS, "no", b"out"), "'out': Read-only file system; write elsewhere"),
        (
            duckdb.IOException('{"exception_message":"full","errno":"28"}'),
            "No space left on device; make room",
        ),
        (
            RuntimeError(
                "Traceback (most recent call last):\n  ...\nKeyError: 'a'\n\n"
                "RuntimeError: OSError: [Errno 28] full [while running 'Write/ParDo(_Write)']\n"
            ),
            "No space left on device; make room",
        ),
    ],
    ids=["full", "permission", "arrow", "read-only", "duckdb", "worker"],
)
def test_a_refusal_of_the_machine_says_what_to_do(error, says):
    said = told(error)
    assert said is not None
    assert said.startswith(says)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        FileNotFoundError(errno.ENOENT, "no"),
        RuntimeError(
            "OSError: [Errno 28] full [while running 'a']\n\nKeyError: 'ours' [while running 'a']\n"
        ),
        duckdb.IOException("no such file"),
        PermissionError(errno.EACCES, "Permission denied"),  # of a socket, say
    ],
)
def test_what_is_ours_to_mend_is_no_refusal(error):
    assert told(error) is None


def test_a_refusal_is_found_inside_of_what_a_runner_raises():
    def write(_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(RuntimeError) as raised, beam.Pipeline(options=beam_options([])) as pipeline:
        pipeline | beam.Create([1]) | beam.Map(write)
    assert raised.value.__cause__ is None
    assert refused(raised.value) is not None
    assert refused(RuntimeError("[while running 'a step']")) is None


def test_what_goes_wrong_while_a_refusal_is_handled_keeps_its_traceback():
    def handle() -> None:
        try:
            raise PermissionError(errno.EACCES, "no", "a/b")
        except OSError:
            {}["ours"]

    def write(_: object) -> None:
        handle()

    with pytest.raises(KeyError) as raised:
        handle()
    assert refused(raised.value) is None
    with pytest.raises(KeyError) as in_a_step, beam.Pipeline(options=beam_options([])) as pipeline:
        pipeline | beam.Create([1]) | beam.Map(write)
    assert refused(in_a_step.value) is None


def test_a_command_that_is_refused_ends_with_2_and_one_line(tmp_path, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("pipelines.simulating.write", full)
    assert cli.main(["simulate", "--customers", "1", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: No space left on device; make room, or write elsewhere\n"


def test_a_fault_of_ours_keeps_its_traceback(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr("pipelines.simulating.write", broken)
    with pytest.raises(FileNotFoundError):
        cli.main(["simulate", "--customers", "1", "--out", str(tmp_path)])


def test_a_command_that_replaces_nothing_does_not_speak_of_outputs(monkeypatch, capsys):
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.querying.query", stopped)
    monkeypatch.setattr(cli, "run_folder", lambda name: name)
    assert cli.main(["query", "SELECT 1", "--out", "x"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_sigterm_ends_like_ctrl_c_and_is_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_hear_no_signals():
    heard: list[object] = []

    def work() -> None:
        with terminable():
            heard.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [signal.getsignal(signal.SIGTERM)]


def test_a_terminal_without_a_character_gets_it_escaped(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    cli._say_all()
    print("“é”", file=terminal, flush=True)
    assert terminal.buffer.getvalue() == b"\\u201c\xe9\\u201d\n"  # type: ignore[attr-defined]


def test_beam_does_not_log_what_is_told_in_a_sentence(caplog):
    from pipelines.launch import _told_once

    log = logging.getLogger("apache_beam.runners.common")
    with _told_once():
        for error in (OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("ours")):
            log.error("step failed: %r", error, exc_info=error)
    assert [record.args for record in caplog.records] == [(caplog.records[0].exc_info[1],)]
    assert isinstance(caplog.records[0].exc_info[1], ValueError)
