"""Services that go away, and jobs that do."""

import hashlib
import time
from contextlib import ExitStack

from benchmarks.faults.setting import Setting, Verdict, ages, ended, refused, settled
from benchmarks.live.bank import LiveBank, interrupt, wait
from benchmarks.live.promises import Promise, told
from benchmarks.live.proxy import FaultyProxy, Row
from schemas import Reason


def pubsub_restart(setting: Setting) -> Verdict:
    """The Pub/Sub emulator is killed, and comes back empty."""
    with LiveBank(setting.servers, setting.folder) as bank:
        bank.watch.found  # noqa: B018  (it reads along from now on)
        job, source = bank.job(), bank.source(setting.rate)
        pubsub = setting.servers.pubsub
        time.sleep(setting.seconds(6, 15))
        killed = time.time()
        pubsub.kill()
        time.sleep(setting.away_s or setting.seconds(4, 20))
        pubsub.start()
        time.sleep(2.0)  # it answers, but knows no topic
        bank.provision_again()
        again = time.time()
        time.sleep(setting.seconds(6, 15))
        ledger = settled(bank, source, limit_s=15)
        running = job.running
        accounts = interrupt(job)
        written = {row["signal_id"] for row in bank.ask("SELECT DISTINCT signal_id FROM {decisions}")}
        before, after = ledger.asking(until=killed), ledger.asking(since=again)
        between = ledger.asking(since=killed, until=again)
        lost = sorted(killed - ledger.good[name].at for name in before - written)
        on_topic = bank.watch.found.decided()
        first = min((ledger.good[name].at for name in after), default=again)
        return Verdict(
            f"SIGKILL of the emulator, back empty after {again - killed:.0f} s, everything provisioned anew",
            [
                Promise(running, f"the job went on by itself; {told(accounts)}"),
                Promise(accounts is not None and accounts.balanced, "its accounts balance"),
                Promise(
                    all(age < 2.0 for age in lost),
                    f"{len(before):,} signals that ask before: {len(lost)} lost with the emulator's memory"
                    + (f", the oldest published {lost[-1]:.2f} s before" if lost else ""),
                ),
                Promise(
                    bool(after) and after <= written and after <= on_topic.keys(),
                    f"{len(after):,} afterwards: {len(after - written)} lost; {ages(bank, ledger, again)}; "
                    f"the first published {first - again:.1f} s after provisioning",
                ),
                Promise(True, f"{len(between & written)} of {len(between)} taken meanwhile were decided"),
            ],
        )


def job_kill(setting: Setting) -> Verdict:
    """SIGKILL of the job, several times; another one starts."""
    kills = 1 if setting.quick else 4
    deadline = 10 if setting.quick else None
    with LiveBank(setting.servers, setting.folder, ack_deadline_s=deadline) as bank, ExitStack() as stack:
        found = bank.watch.found
        job = bank.job()
        if not setting.quick:
            stack.callback(bank.channels().stop)
        source = bank.source(setting.rate)
        for _ in range(kills):
            time.sleep(setting.seconds(3, 10))
            job.kill()
            job = bank.job()
        time.sleep(setting.seconds(2, 10))
        over = ended(bank, source, job, stateful=False)
        return Verdict(
            f"SIGKILL of the job {kills} times while signals came in",
            [
                *over.promises,
                Promise(
                    found.changed() <= found.copies(),
                    f"without the state they were made by: {found.copies()} decisions published again, "
                    f"{found.changed()} with other content; {refused(bank, Reason.UNATTRIBUTED)} outcomes whose "
                    "decision nobody remembers",
                ),
                Promise(
                    True, f"{ages(bank, over.ledger)}; what was in work comes again after {deadline or 60} s"
                ),
            ],
        )


def bigquery_away(setting: Setting) -> Verdict:
    """BigQuery answers 503, 500, 429, not at all, cuts connections, and cuts them after having written."""
    kinds = [("cut_after", 0), ("answer", 503), ("answer", 500), ("answer", 429), ("cut", 0), ("hang", 0)]
    away = setting.away_s or setting.seconds(6, 48)
    with (
        FaultyProxy(setting.servers.bigquery.url) as proxy,
        LiveBank(setting.servers, setting.folder, tables=proxy.url) as bank,
    ):
        found = bank.watch.found
        proxy.faults.down = True
        begun = time.monotonic()
        job, source = bank.job(), bank.source(setting.rate)
        started = time.monotonic() - begun
        time.sleep(1.0)
        proxy.faults.down = False
        time.sleep(setting.seconds(3, 10))
        begun = time.time()
        proxy.faults.inject(*kinds)
        time.sleep(away)
        proxy.faults.heal()
        healed = time.time()
        meanwhile = source.ledger.asking(begun, healed)
        wait(lambda: meanwhile <= found.decided().keys(), 120)
        caught_up = time.time()
        time.sleep(setting.seconds(3, 15))
        over = ended(bank, source, job)
        asked = {kind: count for kind, count in proxy.faults.counted.items() if kind != "none"}
        return Verdict(
            f"BigQuery away for {away:.0f} s: {', '.join(f'{count} x {kind}' for kind, count in asked.items())}",
            [
                *over.promises,
                Promise(True, f"started within {started:.0f} s while BigQuery was away"),
                Promise(
                    sum(asked.values()) <= 20 + 4 * away,
                    f"{sum(asked.values())} requests were made in vain: it backs off",
                ),
                Promise(
                    meanwhile <= found.decided().keys(),
                    f"age before: {ages(bank, over.ledger, 0, begun - 2)}; while away: "
                    f"{ages(bank, over.ledger, begun, healed)}; caught up {caught_up - healed:.1f} s after; then: "
                    f"{ages(bank, over.ledger, caught_up)}",
                ),
            ],
        )


def bigquery_rejects(setting: Setting) -> Verdict:
    """BigQuery refuses one decision in ten for a while."""

    def rejects(row: Row) -> bool:
        if "offers" not in row or "decision_id" not in row:
            return False
        return hashlib.blake2b(row["decision_id"].encode(), digest_size=1).digest()[0] < 26

    with (
        FaultyProxy(setting.servers.bigquery.url) as proxy,
        LiveBank(setting.servers, setting.folder, tables=proxy.url) as bank,
    ):
        bank.watch.found  # noqa: B018
        job, source = bank.job(), bank.source(setting.rate)
        time.sleep(setting.seconds(2, 5))
        proxy.faults.rejects = rejects
        time.sleep(setting.away_s or setting.seconds(5, 30))
        # Which rows are bad hangs on their ids: few seconds may hold none.
        wait(lambda: bool(proxy.faults.rejected), 120)
        proxy.faults.heal()
        time.sleep(setting.seconds(2, 5))
        over = ended(bank, source, job, rejected=lambda: len(proxy.faults.rejected))
        letters, rejected = refused(bank, Reason.ROW_REJECTED), len(proxy.faults.rejected)
        [kept] = bank.ask(
            f"SELECT COUNT(*) AS n FROM {{dead_letters}} WHERE reason = '{Reason.ROW_REJECTED.value}'"
        )
        return Verdict(
            f"insertAll refused {rejected} rows of {proxy.faults.counted['rejected']} requests",
            [
                *over.promises,
                Promise(
                    rejected > 0 and letters == rejected == kept["n"],
                    f"{letters} dead letters on the topic and {kept['n']} in the table say row_rejected",
                ),
            ],
        )
