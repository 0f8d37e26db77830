"""The job in processes of their own, as workers are: pickled there, imported there, and to the same effect."""

import os

from bank_arrivals import busy_days
from checking import ROOT
from twin import run_twin

from schemas import Signal

PLAN = ROOT / "tests" / "plans" / "small"
HERE = ["--runner=FnApiRunner"]
WORKERS = ["--runner=DirectRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def test_workers_come_to_what_one_process_comes_to(monkeypatch, tmp_path):
    """The graph of the stream, with state, timers and tables, in two workers; and that of files, in this process."""
    paths = [ROOT, ROOT / "tests", ROOT / "tests" / "infrastructure"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    signals = [event for event in busy_days(150, customers=12) if isinstance(event, Signal)]
    signals.sort(key=lambda signal: (signal.occurred_at, signal.signal_id))
    for name in ("here", "workers"):
        (tmp_path / name).mkdir()
    expected = run_twin(HERE, signals, PLAN, tmp_path / "here", live=False)
    found = run_twin(WORKERS, signals, PLAN, tmp_path / "workers", live=True)
    assert {int(file.stem) for file in (tmp_path / "workers").iterdir()}.isdisjoint({os.getpid()})
    assert (
        found.keys()
        == expected.keys()
        == {
            *(f"topic {name}" for name in ("decisions", "feedback", "dead_letters")),
            *(f"table {name}" for name in ("decisions", "feedback", "sessions", "dead_letters")),
        }
    )
    for name in expected:
        assert found[name] == expected[name], name
    assert expected["topic decisions"].total() > 20
    assert expected["table decisions"].total() == expected["topic decisions"].total()
    assert expected["topic dead_letters"].total() >= 1
