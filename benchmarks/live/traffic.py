"""What goes in and what comes out of a job under test, known message by message."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Event
from typing import NamedTuple, cast

import msgspec

from models.decoding import Decoder
from models.plan.spec import PlanSpec
from models.simulation.living import LivingConfig
from models.times import SECOND, duration
from pipelines.live.source import send
from pipelines.live.wire import Message, Received, StoppedError, Subscription, Topic, pulled
from pipelines.provisioning import Names
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK
from schemas import DeadLetter, Signal

WATCHER = "faults"
"""Under `TOPIC-faults` the tests read along."""
Mix = Callable[[Sequence[Message]], Sequence[Message]]
"""What becomes of messages on their way to the topic."""


class Taken(NamedTuple):
    """A good signal that the service has."""

    at: float
    """When, in seconds since the epoch."""
    asks: bool
    """Whether it names placements, so that it certainly must be decided."""
    customer: str


@dataclass
class Ledger:
    """What was published to the topic of signals and acknowledged by the service."""

    good: dict[str, Taken] = field(default_factory=dict)
    messages: int = 0
    bad: int = 0
    """Messages that no decoder takes."""
    copies: int = 0
    """Good ones that repeat another."""

    def asking(self, since: float = 0.0, until: float = float("inf")) -> set[str]:
        """Signals, published in this time, that must be decided."""
        return {name for name, taken in self.good.items() if taken.asks and since <= taken.at < until}


class Source:
    """The source of `nextbeam signals`, on a thread of ours.

    Args:
      endpoints: Where the service is.
      topic: Full name of the topic of signals.
      spec: The plan.
      config: How much happens.
      mix: What becomes of its messages on the way.
    """

    def __init__(
        self, endpoints: Endpoints, topic: str, spec: PlanSpec, config: LivingConfig, mix: Mix | None = None
    ) -> None:
        self.ledger = Ledger()
        self._decode = Decoder(Signal, spec).decode
        self._ahead_s = duration(spec.session.late) / SECOND
        self._mix = mix
        self._stop = Event()
        self._topic = Topic(endpoints, topic, self._stop)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(config, spec), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def stop(self) -> Ledger:
        """End it; what it sent.

        Raises:
          BaseException: It had ended before, by this error.
        """
        self._stop.set()
        self._thread.join(30)
        if self._error is not None:
            raise self._error
        return self.ledger

    def publish(self, messages: Sequence[Message]) -> None:
        """Hand on, and write down once the service has them."""
        sent = messages if self._mix is None else self._mix(messages)
        self._topic.publish(sent)
        now = time.time()
        for data, _ in sent:
            self._note(data, now)

    def _note(self, data: bytes, now: float) -> None:
        ledger, event = self.ledger, self._decode(data)
        ledger.messages += 1
        if not isinstance(event, Signal) or event.occurred_at.timestamp() > now + self._ahead_s:
            ledger.bad += 1
        elif event.signal_id in ledger.good:
            ledger.copies += 1
        else:
            ledger.good[event.signal_id] = Taken(now, bool(event.placements), event.customer_id)

    def _run(self, config: LivingConfig, spec: PlanSpec) -> None:
        try:
            send(config, spec, cast("Topic", self), self._stop, say=lambda _: None)
        except BaseException as error:  # it is raised where it is stopped
            self._error = error


class Seen(NamedTuple):
    """One decision as it was published."""

    digest: bytes
    at: float
    signal_id: str
    plan: str


@dataclass
class Found:
    """What came out on the topics."""

    decisions: dict[str, list[Seen]] = field(default_factory=dict)
    feedback: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""
    refused: dict[str, str] = field(default_factory=dict)
    """Reasons by signal, of dead letters whose signal can be read."""

    def decided(self) -> Counter[str]:
        """How many different decisions each signal has."""
        return Counter(seen[0].signal_id for seen in list(self.decisions.values()))

    def copies(self) -> int:
        """Decisions that were published again."""
        return sum(len(seen) - 1 for seen in list(self.decisions.values()))

    def changed(self) -> int:
        """Decisions of which two publications differ."""
        return sum(len({each.digest for each in seen}) > 1 for seen in list(self.decisions.values()))

    def first(self) -> dict[str, float]:
        """When each signal was first decided."""
        firsts: dict[str, float] = {}
        for seen in list(self.decisions.values()):
            firsts.setdefault(seen[0].signal_id, min(each.at for each in seen))
        return firsts

    def total(self) -> int:
        """Messages so far."""
        return sum(map(len, list(self.decisions.values()))) + self.feedback.total() + self.letters.total()


class _Named(msgspec.Struct):
    signal_id: str


_NAMED = msgspec.json.Decoder(_Named)


class Watch:
    """Reads along on the topics that the job writes to."""

    def __init__(self, endpoints: Endpoints, names: Names) -> None:
        self.found = Found()
        self._stop = Event()
        self._takers: dict[str, Callable[[Received], None]] = {
            DECISIONS: self._decision,
            FEEDBACK: self._answer,
            DEAD_LETTER: self._letter,
        }
        self._threads = [
            threading.Thread(target=self._read, args=(endpoints, names, topic), daemon=True)
            for topic in self._takers
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _read(self, endpoints: Endpoints, names: Names, topic: str) -> None:
        subscription = Subscription(endpoints, names.subscription(f"{topic}-{WATCHER}"), self._stop)
        take = self._takers[topic]
        try:
            for batch in pulled(subscription, self._stop, pause_s=0.1):
                for received in batch:
                    take(received)
                subscription.acknowledge([each.ack_id for each in batch])
        except StoppedError:
            return

    def _decision(self, received: Received) -> None:
        named = received.attributes
        seen = Seen(
            blake2b(received.data, digest_size=8).digest(),
            received.published,
            named["signal_id"],
            named["plan_digest"],
        )
        self.found.decisions.setdefault(named["decision_id"], []).append(seen)

    def _answer(self, received: Received) -> None:
        self.found.feedback[blake2b(received.data, digest_size=8).hexdigest()] += 1

    def _letter(self, received: Received) -> None:
        letter = msgspec.json.decode(received.data, type=DeadLetter)
        self.found.letters[letter.reason] += 1
        with suppress(msgspec.MsgspecError, ValueError, RecursionError):
            self.found.refused[_NAMED.decode(letter.payload).signal_id] = letter.reason


def ages(ledger: Ledger, found: Found, since: float = 0.0, until: float = float("inf")) -> list[float]:
    """Seconds from a signal's publication to its decision's, sorted, of signals published in this time."""
    firsts = found.first()
    return sorted(
        firsts[name] - taken.at
        for name, taken in ledger.good.copy().items()
        if since <= taken.at < until and name in firsts
    )


def at_share(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of some ordered values lies; NaN of none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")
