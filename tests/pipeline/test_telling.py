"""The metrics of a job over HTTP, and a log whose key cannot be had."""

import urllib.error
import urllib.request

import pytest

from models.observability.exposition import exposition
from models.observability.metrics import METRICS
from pipelines.local.ports import HOST, claim_port
from pipelines.locate import UsageError
from pipelines.observability.endpoint import metrics_served
from transforms.logs import LogPolicy, pepper_at


def test_every_metric_is_exposed_with_its_kind_whether_it_counted_or_not():
    rows = exposition({"signals_read": 3}).splitlines()
    assert "nextbeam_signals_read 3" in rows
    assert "nextbeam_plan_refused 0" in rows
    assert [row.split()[2] for row in rows if row.startswith("# TYPE")] == [
        f"nextbeam_{name}" for name in METRICS
    ]
    assert all(row.endswith(" counter") for row in rows if row.startswith("# TYPE"))
    with pytest.raises(KeyError, match="surprises"):
        exposition({"surprises": 1})


def test_metrics_are_served_as_they_are_now_and_nothing_else_is():
    counted = {"signals_read": 1}
    with metrics_served(claim_port(None, what="a test", flag=""), lambda: counted) as address:
        assert address.startswith(f"http://{HOST}:")
        for _ in range(2):
            with urllib.request.urlopen(address, timeout=5) as answer:
                assert f"nextbeam_signals_read {counted['signals_read']}\n" in answer.read().decode()
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            counted["signals_read"] += 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address.replace("/metrics", "/"), timeout=5)
        with (
            pytest.raises(UsageError, match="is taken"),
            metrics_served(int(address.split(":")[2].partition("/")[0]), lambda: counted),
        ):
            pass
    with metrics_served(None, lambda: counted) as nowhere:
        assert nowhere is None


@pytest.mark.parametrize(
    ("value", "source"),
    [(None, "env:NEXTBEAM_NO_PEPPER"), ("short", "env:NEXTBEAM_NO_PEPPER")],
    ids=["absent", "short"],
)
def test_a_log_without_its_key_says_so_once_and_names_nobody(value, source, monkeypatch, caplog):
    monkeypatch.delenv("NEXTBEAM_NO_PEPPER", raising=False)
    if value:
        monkeypatch.setenv("NEXTBEAM_NO_PEPPER", value)
    pepper_at.cache_clear()
    policy = LogPolicy(source)
    assert [policy._customer("ana"), policy._customer("ana")] == [None, None]
    assert caplog.text.count("pepper_missing") == 1
    assert "short" not in caplog.text
    pepper_at.cache_clear()
