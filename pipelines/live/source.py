"""`nextbeam signals`: customers who live now, as messages on the topic of signals."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

from models.plan.spec import PlanSpec
from models.simulation.living import LivingConfig, Sending, sendings
from models.times import SECOND, Micros
from pipelines.live.wire import Message, StoppedError, Topic

TICK_S = 0.01
"""Messages that are due within so short a time go together."""
_MOST = 500
_REPORT_S = 10.0


@dataclass(slots=True)
class Sent:
    """What a source has sent, and how far behind its schedule it ever was."""

    marks: Counter[str] = field(default_factory=Counter)
    behind_s: float = 0.0

    def told(self) -> str:
        """In one line."""
        unreadable = self.marks.total() - sum(self.marks[mark] for mark in ("good", "late", "duplicate"))
        return (
            f"{self.marks.total():,} messages: {self.marks['good'] + self.marks['late']:,} good "
            f"({self.marks['late']:,} held back), {self.marks['duplicate']:,} duplicates, {unreadable:,} unreadable; "
            f"at most {self.behind_s:.2f} s behind schedule"
        )


def send(
    config: LivingConfig,
    spec: PlanSpec,
    topic: Topic,
    stop: Event,
    *,
    for_s: float | None = None,
    say: Callable[[str], None] = print,
) -> Sent:
    """Publish signals as they become due, whether or not anybody keeps up, for so many seconds or until stopped."""
    begins = _now()
    source = _Source(topic, say)
    due = sendings(config, spec, begins)
    try:
        for sending in due if for_s is None else _until(begins + int(for_s * SECOND), due):
            if not source.wait(sending.at, stop):
                break
            source.add(sending)
        source.flush()
    except StoppedError:
        pass
    return source.sent


def _until(ends: Micros, due: Iterator[Sending]) -> Iterator[Sending]:
    for sending in due:
        if sending.at >= ends:
            return
        yield sending


class _Source:
    """Gathers what is due, and publishes it together."""

    def __init__(self, topic: Topic, say: Callable[[str], None]) -> None:
        self.sent = Sent()
        self._topic, self._say = topic, say
        self._batch: list[Message] = []
        self._oldest: Micros = 0
        self._report_at = time.monotonic() + _REPORT_S

    def wait(self, at: Micros, stop: Event) -> bool:
        """Until this time; what is due before it is published. False: we were asked to stop."""
        if stop.is_set():
            return False
        if at > _now():
            self.flush()
            while (left := (at - _now()) / SECOND) > 0:
                if stop.wait(min(max(left, TICK_S), 0.5)):
                    return False
        return True

    def add(self, sending: Sending) -> None:
        """Something is due."""
        if not self._batch:
            self._oldest = sending.at
        self._batch.append((sending.payload, {}))
        self.sent.marks[sending.mark] += 1
        if len(self._batch) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Publish what is due."""
        if self._batch:
            self._topic.publish(self._batch)
            self._batch = []
            self.sent.behind_s = max(self.sent.behind_s, (_now() - self._oldest) / SECOND)
        if time.monotonic() > self._report_at:
            self._report_at = time.monotonic() + _REPORT_S
            self._say(self.sent.told())


def _now() -> Micros:
    return time.time_ns() // 1_000
