"""Faults between real servers, in their quick form. `python -m benchmarks.faults` injects all of them, for longer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.faults.__main__ import SCENARIOS
from benchmarks.faults.setting import Setting, Verdict
from benchmarks.live.bank import Servers
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator

pytestmark = pytest.mark.slow
QUICK = ("job-kill", "bigquery-away", "bigquery-rejects", "hostile")


@pytest.fixture(scope="module")
def verdicts(
    pubsub_server: PubsubEmulator, bigquery_server: BigQueryEmulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Verdict]:
    """All at once: each has topics, tables and a job of its own, and mostly waits."""
    servers = Servers(pubsub_server, bigquery_server)
    settings = {name: Setting(servers, tmp_path_factory.mktemp(name), quick=True) for name in QUICK}
    with ThreadPoolExecutor(len(QUICK)) as pool:
        return dict(zip(QUICK, pool.map(lambda name: SCENARIOS[name](settings[name]), QUICK), strict=True))


@pytest.mark.parametrize("name", QUICK)
def test_what_was_promised_holds(verdicts, name):
    verdict = verdicts[name]
    told = "\n".join(map(str, verdict.promises))
    assert verdict.kept, f"{verdict.injected}\n{told}"
    assert len(verdict.promises) > 8
