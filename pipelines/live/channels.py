"""`nextbeam channels`: the bank's channels and its customers, between the decisions and the topic of outcomes.

A decision is acknowledged once all that follows from it has been published. Until then it is held; if we end before, it
is delivered again, has the same answers under the same ids, and the pipeline counts them once.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import Event

import msgspec

from models.simulation.answering import Answering
from models.simulation.feeds import record_of
from models.times import SECOND, Micros, micros
from pipelines.live.wire import Message, Received, StoppedError, Subscription, Topic, pulled
from schemas import Decision, Outcome
from schemas.routing import TRACE

MOST_HELD = 20_000
"""Decisions that wait for answers; when so many do, no more are pulled."""
LEASE_S = 60
_EXTEND_S = 10.0
"""Less than what the subscription allows for an acknowledgement: what has just arrived is held on to in time."""
_PAUSE_S = 0.05
_LOOK_S = 0.02
_REPORT_S = 10.0
_MOST_DUE = 1_000
_LEAVE_S = 1.0


@dataclass(slots=True)
class _Held:
    """A decision that is not answered in full."""

    ack_id: str
    left: int


class Channels:
    """The heart of it: takes decisions, and says what is to be published when. No clock, no network.

    Args:
      answering: How customers answer.
    """

    def __init__(self, answering: Answering) -> None:
        self.counted: Counter[str] = Counter()
        self._answering = answering
        self._decode = msgspec.json.Decoder(Decision).decode
        self._held: dict[str, _Held] = {}
        self._due: list[tuple[Micros, int, str, bool, Message]] = []
        self._number = 0
        self._answered: list[str] = []

    @property
    def held(self) -> int:
        """Decisions that wait for answers."""
        return len(self._held)

    @property
    def next_at(self) -> Micros | None:
        """When something is due next."""
        return self._due[0][0] if self._due else None

    def take(self, received: Received) -> Decision | None:
        """A decision arrives, for the first time or again. None: it cannot be read, and is left to be refused."""
        try:
            decision = self._decode(received.data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self.counted["unreadable"] += 1
            return None
        held = self._held.get(decision.decision_id)
        if held is not None:  # only the newest delivery can be acknowledged
            self.counted["again"] += 1
            held.ack_id = received.ack_id
            return decision
        self.counted["decisions"] += 1
        self.counted["offers"] += len(decision.offers)
        self._hold(decision, received.ack_id)
        return decision

    def due(self, now: Micros, most: int = _MOST_DUE) -> tuple[list[Message], list[Message]]:
        """Outcomes and signals to publish now, oldest first. Say `published` when that is done."""
        outcomes: list[Message] = []
        signals: list[Message] = []
        while self._due and self._due[0][0] <= now and len(outcomes) + len(signals) < most:
            _, _, decision_id, is_outcome, message = heappop(self._due)
            (outcomes if is_outcome else signals).append(message)
            self._answer(decision_id)
        self.counted["outcomes"] += len(outcomes)
        self.counted["signals"] += len(signals)
        return outcomes, signals

    def published(self) -> list[str]:
        """What was due is published: the deliveries that can be acknowledged."""
        answered, self._answered = self._answered, []
        return answered

    def leases(self) -> list[str]:
        """The deliveries that are to be held on to."""
        return [held.ack_id for held in self._held.values()]

    def told(self) -> str:
        """In one line."""
        said = self.counted
        return (
            f"{said['decisions']:,} decisions with {said['offers']:,} offers shown, {self.held:,} waiting for answers; "
            f"{said['outcomes']:,} outcomes and {said['signals']:,} further signals published"
        )

    def _hold(self, decision: Decision, ack_id: str) -> None:
        replies = self._answering.replies(decision)
        if not replies:
            self._answered.append(ack_id)
            return
        self._held[decision.decision_id] = _Held(ack_id, len(replies))
        attributes = {TRACE: decision.trace} if decision.trace else {}
        for reply in replies:
            self._number += 1
            message = (msgspec.json.encode(record_of(reply)), attributes)
            due = micros(reply.occurred_at)
            heappush(
                self._due, (due, self._number, decision.decision_id, isinstance(reply, Outcome), message)
            )

    def _answer(self, decision_id: str) -> None:
        held = self._held[decision_id]
        held.left -= 1
        if not held.left:
            self._answered.append(self._held.pop(decision_id).ack_id)


def serve(
    channels: Channels,
    decisions: Subscription,
    outcomes: Topic,
    signals: Topic,
    stop: Event,
    *,
    for_s: float | None = None,
    show: Callable[[Decision], None] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Answer decisions until we are asked to stop, or for so many seconds."""
    _Serving(channels, decisions, outcomes, signals, stop, show, say).run(for_s)


class _Serving:
    """The loop around `Channels`: one thread pulls, this one publishes."""

    def __init__(
        self,
        channels: Channels,
        decisions: Subscription,
        outcomes: Topic,
        signals: Topic,
        stop: Event,
        show: Callable[[Decision], None] | None,
        say: Callable[[str], None],
    ) -> None:
        self._channels, self._decisions = channels, decisions
        self._outcomes, self._signals = outcomes, signals
        self._stop, self._show, self._say = stop, show, say
        self._arrived: queue.Queue[list[Received] | BaseException] = queue.Queue(maxsize=4)
        self._extend_at = self._report_at = 0.0

    def run(self, for_s: float | None) -> None:
        ends = float("inf") if for_s is None else time.monotonic() + for_s
        self._report_at = time.monotonic() + _REPORT_S
        puller = threading.Thread(target=self._pull, name="pull", daemon=True)
        puller.start()
        try:
            while not self._stop.is_set() and time.monotonic() < ends:
                self._turn()
        except StoppedError:
            pass
        finally:
            self._stop.set()
        puller.join(_LEAVE_S)  # an answer that is under way holds decisions, too
        self._give_back()

    def _pull(self) -> None:
        try:
            for batch in pulled(self._decisions, self._stop, pause_s=_PAUSE_S):
                if not self._put(batch):
                    self._refuse(batch)
        except Exception as error:  # it is raised in the main thread
            self._arrived.put(error)

    def _put(self, batch: list[Received]) -> bool:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._arrived.put(batch, timeout=0.5)
                return True
        return False

    def _refuse(self, received: Iterable[Received]) -> None:
        with suppress(StoppedError):
            self._decisions.extend([each.ack_id for each in received], 0)

    def _turn(self) -> None:
        if self._channels.held < MOST_HELD:
            self._take(self._wait_s())
        else:
            self._stop.wait(_LOOK_S)
        outcomes, signals = self._channels.due(_now())
        self._outcomes.publish(outcomes)
        self._signals.publish(signals)
        self._decisions.acknowledge(self._channels.published())
        now = time.monotonic()
        if now > self._extend_at:
            self._extend_at = now + _EXTEND_S
            self._decisions.extend(self._channels.leases(), LEASE_S)
        if now > self._report_at:
            self._report_at = now + _REPORT_S
            self._say(self._channels.told())

    def _give_back(self) -> None:
        """What is not answered in full can go to others at once; were we killed, it would go when our lease is up."""
        while not self._arrived.empty():
            arrived = self._arrived.get()
            if not isinstance(arrived, BaseException):
                self._refuse(arrived)
        with suppress(StoppedError):
            self._decisions.extend(self._channels.leases(), 0)

    def _wait_s(self) -> float:
        """How long nothing is due, at most a quarter of a second; never so short that messages go one by one."""
        at = self._channels.next_at
        return 0.25 if at is None else min(0.25, max(_LOOK_S, (at - _now()) / SECOND))

    def _take(self, wait_s: float) -> None:
        try:
            arrived = self._arrived.get(timeout=wait_s)
        except queue.Empty:
            return
        if isinstance(arrived, BaseException):
            raise arrived
        self._read(arrived)

    def _read(self, arrived: Iterable[Received]) -> None:
        for received in arrived:
            decision = self._channels.take(received)
            if decision is not None and self._show is not None:
                self._show(decision)


def _now() -> Micros:
    return time.time_ns() // 1_000
