"""What the page shows: everything that was read, added up, in bounded memory."""

import re
from collections import Counter, deque
from typing import Any

import msgspec

from models.explain_customer import explain_to_customer
from models.plan.compiled import Plan
from models.stage_words import STAGES
from pipelines.live.plans import Book, Loads, Plans
from pipelines.live.rings import Ages, Latest, PerSecond
from pipelines.live.wire import Received
from schemas import Decision, Feedback, Stage

SECONDS = 120
"""How far back the curves go."""
SHOWN = 30
"""Decisions shown in full, the newest ones."""
SHOW_EVERY_S = 0.5
_MOST_WAITING = 60_000
_MOST_ACTIONS = 40
_LONGEST = 400
"""Characters of a text from outside."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder raises; the last of too many brackets."""
_STAGES = tuple(stage for stage in Stage if stage is not Stage.OUTPUT)


class _Identified(msgspec.Struct):
    signal_id: str = ""


class _Refused(msgspec.Struct):
    detail: str = ""


class Board:
    """Adds up four streams. Not safe for threads.

    Args:
      plan: The plan in force, as far as is known.
      loads: Finds another that decisions say they were made by.
      seed: Of the simulated bank whose customers these are; None: they are real.
      haste: How many times as fast delays of answers pass in its channels.
    """

    def __init__(self, plan: Plan, loads: Loads, seed: int | None, haste: float = 60.0) -> None:
        self._plans = Plans(plan, loads, seed, haste)
        self._events, self._decisions, self._feedback = (PerSecond(SECONDS) for _ in range(3))
        self._ages = Ages(SECONDS)
        self._asked: Latest[str, float] = Latest(_MOST_WAITING)
        self._unasked: Latest[str, float] = Latest(_MOST_WAITING)
        self._counted: Latest[str, bool] = Latest(_MOST_WAITING)
        self._left: Counter[str] = Counter()
        self._silent: Counter[str] = Counter()
        self._decided = self._offers = 0
        self._letters: Counter[str] = Counter()
        self._letter_details: dict[str, str] = {}
        self._shown: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        self._show_at = 0.0
        self._unreadable = 0
        self._decode_signal = msgspec.json.Decoder(_Identified).decode
        self._decode_decision = msgspec.json.Decoder(Decision).decode
        self._decode_feedback = msgspec.json.Decoder(Feedback).decode
        self._decode_letter = msgspec.json.Decoder(_Refused).decode

    def signal(self, received: Received) -> None:
        """A signal was published; who waits for a decision from now on is told by its id."""
        self._events.add(received.published)
        try:
            signal_id = self._decode_signal(received.data).signal_id
        except UNREADABLE:
            return  # a dead letter says so
        decided = self._unasked.pop(signal_id)
        if decided is not None:
            self._ages.add(decided, decided - received.published)
        self._asked.add(signal_id, received.published)

    def decision(self, received: Received, now: float) -> None:
        """A decision was published."""
        try:
            decision = self._decode_decision(received.data)
        except UNREADABLE:
            self._unreadable += 1
            return
        if self._counted.get(decision.decision_id):
            return  # delivered again
        self._counted.add(decision.decision_id, True)
        self._decisions.add(received.published)
        self._age(decision.signal_id, received.published)
        self._count(decision)
        book = self._plans.decided(decision, received.published, now)
        if now >= self._show_at:
            self._show_at = now + SHOW_EVERY_S
            self._shown.appendleft(self._told(decision, received.published, book))

    def feedback(self, received: Received) -> None:
        """An outcome was attributed, or time was up."""
        self._feedback.add(received.published)
        try:
            feedback = self._decode_feedback(received.data)
        except UNREADABLE:
            self._unreadable += 1
            return
        self._plans.answered(feedback)

    def dead_letter(self, received: Received) -> None:
        """Something was refused."""
        reason = _cut(received.attributes.get("reason", "unknown"))
        if (
            reason not in self._letters and len(self._letters) >= 100
        ):  # there are not so many; somebody makes them up
            reason = "other"
        self._letters[reason] += 1
        try:
            detail = self._decode_letter(received.data).detail
        except UNREADABLE:
            detail = ""
        self._letter_details[reason] = _cut(f"{received.attributes.get('step', '')}: {detail}")

    def snapshot(self, now: float) -> dict[str, Any]:
        """All of it, as JSON knows it. Ages are in milliseconds, times in milliseconds since the epoch."""
        age = self._ages.percentiles(now)
        book = self._plans.shown
        acceptance = book.acceptance
        return {
            "at": round(now * 1000),
            "totals": {
                "signals": self._events.total,
                "decisions": self._decisions.total,
                "offers": self._offers,
                "feedback": self._feedback.total,
                "dead_letters": self._letters.total(),
                "unreadable": self._unreadable,
            },
            "rates": {
                "signals": self._events.rate(now),
                "decisions": self._decisions.rate(now),
                "feedback": self._feedback.rate(now),
            },
            "curves": {
                "signals": self._events.series(now, SECONDS),
                "decisions": self._decisions.series(now, SECONDS),
                "ages": [_milliseconds(pair) for pair in self._ages.series(now, SECONDS)],
            },
            "age": _milliseconds(age),
            **self._plans.rows(),
            "funnel": self._funnel(),
            "silent": [{"reason": name, "decisions": n} for name, n in self._silent.most_common(10)],
            "limits": book.limits.rows(now),
            "dead_letters": [
                {"reason": name, "letters": n, "detail": self._letter_details.get(name, "")}
                for name, n in self._letters.most_common(40)
            ],
            "acceptance": None if acceptance is None else acceptance.rows(now)[:_MOST_ACTIONS],
            "answered_after": None if acceptance is None else acceptance.waits,
            "decisions": list(self._shown),
        }

    def _age(self, signal_id: str, published: float) -> None:
        asked = self._asked.get(signal_id)
        if asked is None:  # the streams are read side by side: its signal may be next
            self._unasked.add(signal_id, published)
        else:
            self._ages.add(published, published - asked)

    def _count(self, decision: Decision) -> None:
        self._decided += 1
        self._offers += len(decision.offers)
        for removal in decision.removed:
            self._left[removal.stage] += len(removal.actions)
        for candidate in decision.ranked:
            self._left[candidate.stage] += 1
        if decision.no_action:
            self._silent[decision.no_action] += 1

    def _funnel(self) -> list[dict[str, Any]]:
        """Actions a decision, on average: how many came to each stage, and how many left there."""
        left, rows = self._left, []
        come = float(left.total())
        among = max(1, self._decided)
        for stage in _STAGES:
            if left[stage]:
                rows.append(
                    {
                        "stage": STAGES[stage].short,
                        "came": come / among,
                        "left": left[stage] / among,
                    }
                )
            come -= left[stage]
        return [*rows, {"stage": "offered", "came": come / among, "left": 0.0}]

    def _told(self, decision: Decision, published: float, book: Book | None) -> dict[str, Any]:
        """A decision as the page shows it. All of it may be hostile."""
        names = {} if book is None else book.names
        asked = self._asked.get(decision.signal_id)
        return {
            "number": self._decisions.total,
            "id": decision.decision_id,
            "at": round(published * 1000),
            "age": None if asked is None else round((published - asked) * 1000, 1),
            "customer": _cut(decision.customer_id),
            "brand": _cut(decision.brand),
            "asked": _cut(
                f"trigger {decision.trigger}" if decision.trigger else decision.page or decision.channel
            ),
            "channel": _cut(decision.channel),
            "offers": [_cut(names.get(offer.action, offer.action)) for offer in decision.offers],
            "silence": _cut(decision.no_action or ""),
            "why": _why(decision, book),
        }


_NUMBERED = re.compile(r"[0-9]+\. ")


def paragraphs(text: str) -> list[str]:
    """An explanation without the line ends that a terminal needs."""
    found: list[str] = []
    depth, goes_on = 0, False
    for line in text.splitlines():
        said = line.strip()
        indent = len(line) - len(line.lstrip())
        begins = said.startswith(("“", "- ")) or _NUMBERED.match(said) is not None
        if goes_on and said and not begins and (indent == depth or not found[-1].endswith(".")):
            found[-1] += f" {said}"
        elif said:
            found.append(said)
        depth, goes_on = indent, bool(said) and not said.endswith(("”", "?"))
    return found


def _why(decision: Decision, book: Book | None) -> list[str]:
    if book is None:
        return [_unknown(decision)]
    try:
        return paragraphs(explain_to_customer(decision, book.plan))
    except LookupError:  # it names what its plan does not have
        return [_unknown(decision)]


def _unknown(decision: Decision) -> str:
    digest = _cut(decision.plan_digest)
    return f"This was decided by plan {digest}, which this page does not have, or not so: it cannot say why."


def _milliseconds(pair: tuple[float, float] | None) -> list[float] | None:
    return None if pair is None else [round(1000 * value, 1) for value in pair]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
