"""Traffic that nobody wishes for: hostile, lopsided, with wrong clocks, and consumers that sleep."""

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from benchmarks.faults.setting import Setting, Verdict, ages, ended, refused
from benchmarks.live.bank import LiveBank, rss_mb, wait
from benchmarks.live.hostile import Mixed
from benchmarks.live.promises import Promise
from benchmarks.live.states import Heard
from pipelines.live.wire import Message
from schemas import Reason, Signal

_STATE_BYTES = 256 * 1024


def plan_broken(setting: Setting) -> Verdict:
    """While the job runs, the plan is broken, gone, cut off before its limits, then another version."""
    folder = setting.folder / "plan"
    with LiveBank(setting.servers, setting.folder) as shipped:
        source_folder = Path(shipped.plan)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source_folder if source_folder.is_dir() else source_folder.parent, folder)
    file = folder / "plan.yaml"
    contact = folder / "contact.yaml"
    text, limits = file.read_text("utf-8"), contact.read_text("utf-8")
    with LiveBank(setting.servers, setting.folder, plan=str(folder)) as bank:
        found = bank.watch.found
        job, source = bank.job("--plan_refresh", "0.5"), bank.source(setting.rate)
        log = job.log

        def said(words: str, times: int = 1) -> bool:
            return wait(lambda: log.read_text("utf-8").count(words) >= times, 30)

        time.sleep(setting.seconds(3, 8))
        broken = time.time()
        file.write_text(text[: len(text) // 2] + "\n  - [", "utf-8")
        refusals = [said("plan_refused")]
        time.sleep(setting.seconds(1, 5))
        file.unlink()
        refusals.append(said("plan_refused", 2))
        time.sleep(setting.seconds(1, 5))
        contact.write_text(limits[: limits.index("  limits:")], "utf-8")
        file.write_text(text, "utf-8")
        refusals.append(said("plan_refused", 3))
        time.sleep(setting.seconds(1, 5))
        mended = time.time()
        contact.write_text(limits, "utf-8")
        file.write_text(text.replace("\nname: ", "\nname: Mended ", 1), "utf-8")
        taken = said("plan_reloaded")
        since = time.time()
        time.sleep(setting.seconds(3, 8))
        over = ended(bank, source, job)
        by_plan = {seen[0].signal_id: seen[0].plan for seen in found.decisions.values()}
        before = {by_plan[name] for name in over.ledger.asking(until=mended - 1) if name in by_plan}
        after = {by_plan[name] for name in over.ledger.asking(since=since + 1) if name in by_plan}
        return Verdict(
            f"the plan was broken, then gone, then without limits, for {mended - broken:.0f} s, then another one",
            [
                *over.promises,
                Promise(all(refusals) and taken, "refused three times, then taken over, all told in the log"),
                Promise(
                    before == {bank.compiled.digest} and len(after) == 1 and not before & after,
                    f"every decision names its plan: {len(before)} before, {len(after)} other afterwards; meanwhile "
                    f"{ages(bank, over.ledger, broken, mended)}",
                ),
            ],
        )


def hostile(setting: Setting) -> Verdict:
    """A fifth of all messages is made to hurt."""
    mixed = Mixed(0.2)
    with LiveBank(setting.servers, setting.folder) as bank:
        found = bank.watch.found
        job = bank.job()
        source = bank.source(setting.rate, mix=mixed, malformed=0.0)
        time.sleep(setting.seconds(8, 40))
        over = ended(bank, source, job)
        of = ", ".join(f"{reason} {count}" for reason, count in sorted(found.letters.items()))
        return Verdict(
            f"{len(mixed.sent):,} hostile messages of {len(set(mixed.sent))} kinds, "
            f"{100 * len(mixed.sent) / over.ledger.messages:.0f} % of the traffic",
            [
                *over.promises,
                Promise(
                    found.letters.total() == len(mixed.sent) == over.ledger.bad,
                    f"{found.letters.total():,} dead letters: {of}",
                ),
                Promise(True, f"good signals meanwhile: {ages(bank, over.ledger)}"),
            ],
        )


def hot_customer(setting: Setting) -> Verdict:
    """One customer has 30 % of the traffic."""
    heard = Heard()
    with LiveBank(setting.servers, setting.folder) as bank:
        job = bank.job()
        source = bank.source(2 * setting.rate, mix=heard, busiest=0.3, malformed=0.0)
        time.sleep(setting.seconds(5, 30))
        early, middle = rss_mb(job.pid), time.time()
        time.sleep(setting.seconds(5, 60))
        late = rss_mb(job.pid)
        over = ended(bank, source, job)
        busy = [taken.customer for taken in over.ledger.good.values()]
        hot = max(set(busy), key=busy.count)
        sizes = [size for name, size in heard.states(bank.compiled) if name == hot]
        half = sizes[: len(sizes) // 2]
        return Verdict(
            f"{busy.count(hot):,} of {len(busy):,} signals were of one customer",
            [
                *over.promises,
                Promise(
                    max(sizes) <= _STATE_BYTES,
                    f"the state of that customer: {max(half):,} bytes after {len(half):,} signals, "
                    f"{max(sizes):,} after {len(sizes):,}",
                ),
                Promise(late < early + 60, f"memory of the job: {early:.0f} MB, then {late:.0f} MB"),
                Promise(True, f"second half: {ages(bank, over.ledger, middle)}"),
            ],
        )


class Skewed:
    """Clocks that are wrong, by channel; and now and then a message from 2099.

    Args:
      by: How far each channel's clock is off.
      every: One message in so many is of a customer whose device believes it is 2099, besides its own.
    """

    def __init__(self, by: dict[str, timedelta], every: int) -> None:
        self.poisoned: dict[str, float] = {}
        """Customers with such a message, and when."""
        self.sent = 0
        self._by, self._every, self._count = by, every, 0

    def __call__(self, messages: Sequence[Message]) -> list[Message]:
        """The messages, by these clocks."""
        out: list[Message] = []
        for data, attributes in messages:
            event = msgspec.json.decode(data, type=Signal)
            at = event.occurred_at + self._by.get(event.channel, timedelta())
            out.append((self._dated(data, at.isoformat()), attributes))
            self._count += 1
            if self._count % self._every == 0:
                self.poisoned.setdefault(event.customer_id, time.time())
                self.sent += 1
                out.append((self._dated(data, "2099-06-01T00:00:00Z", f"2099-{self._count}"), attributes))
        return out

    @staticmethod
    def _dated(data: bytes, at: str, name: str | None = None) -> bytes:
        record = json.loads(data)
        return json.dumps(record | {"occurred_at": at} | ({"signal_id": name} if name else {})).encode()


def clock_skew(setting: Setting) -> Verdict:
    """One channel is ten minutes ahead, another two hours behind, and some devices believe that it is 2099."""
    skewed = Skewed({"mobile": timedelta(minutes=10), "web": timedelta(hours=-2, seconds=-30)}, every=20)
    with LiveBank(setting.servers, setting.folder) as bank:
        found = bank.watch.found
        job = bank.job()
        source = bank.source(setting.rate, customers=60, mix=skewed, malformed=0.0)
        time.sleep(setting.seconds(10, 45))
        over = ended(bank, source, job)
        late, ahead = refused(bank, Reason.TOO_LATE), refused(bank, Reason.BAD_TIME)
        decided = found.decided()
        later = [
            name
            for name, taken in over.ledger.good.items()
            if taken.asks and taken.at > skewed.poisoned.get(taken.customer, float("inf"))
        ]
        back = sum(bool(decided[name]) for name in later)
        refusals = sum(found.refused.get(name) == Reason.TOO_LATE for name in later)
        return Verdict(
            f"mobile 10 min ahead, web 2 h behind, {skewed.sent} messages from 2099 "
            f"of {len(skewed.poisoned)} customers",
            [
                *over.promises,
                Promise(ahead == skewed.sent, f"{ahead} dead letters bad_time: those from 2099"),
                Promise(
                    found.letters.total() == ahead + late,
                    f"{late} dead letters too_late: of the channel behind, where another had been heard of since",
                ),
                Promise(
                    back + refusals == len(later) and back > 0,
                    f"customers with a message from 2099 asked {len(later)} times afterwards: {back} decided, "
                    f"{refusals} too late by the channel behind",
                ),
            ],
        )


def slow_consumer(setting: Setting) -> Verdict:
    """The topic of outcomes is idle; then channels read, sleep, and wake up."""
    with LiveBank(setting.servers, setting.folder) as bank:
        found = bank.watch.found
        job, source = bank.job(), bank.source(setting.rate)
        begun = time.time()
        time.sleep(setting.seconds(4, 20))
        channels = bank.channels()
        wait(lambda: found.feedback.total() > 0, 30)
        asleep = time.time()
        os.kill(channels.pid, signal.SIGSTOP)
        time.sleep(setting.seconds(4, 40))
        os.kill(channels.pid, signal.SIGCONT)
        awake, heard = time.time(), found.feedback.total()
        time.sleep(setting.seconds(6, 30))
        channels.stop()
        over = ended(bank, source, job)
        return Verdict(
            f"no outcomes for {asleep - begun:.0f} s; the channels stopped for {awake - asleep:.0f} s",
            [
                *over.promises,
                Promise(
                    found.feedback.total() > heard,
                    f"{heard} feedback before they woke up, {found.feedback.total():,} at the end",
                ),
                Promise(
                    bool(over.ledger.asking(asleep, awake)),
                    f"idle: {ages(bank, over.ledger, begun + 3, asleep)}; asleep: "
                    f"{ages(bank, over.ledger, asleep, awake)}; awake: {ages(bank, over.ledger, awake)}",
                ),
            ],
        )
