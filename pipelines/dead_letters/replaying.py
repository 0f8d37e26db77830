"""Another try for dead letters: those that would be taken now are sent, at a rate; the others stay, with the reason."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from threading import Event
from typing import NamedTuple

from models.dead_letters import Choice, Judge, Keep, Send
from pipelines.dead_letters.journal import Journal
from pipelines.dead_letters.senders import Parcel, Sender
from pipelines.dead_letters.sources import Held, Source
from pipelines.live.wire import StoppedError

ROWS_ADVICE = "it is a row that a table refused, not an input: --rows-to DATASET writes it there again"
_CHUNKS_A_SECOND = 5
_LARGEST_CHUNK = 200
_FIRST = datetime.min.replace(tzinfo=UTC)


class Kept(NamedTuple):
    """Why letters stay where they are."""

    reason: str
    step: str
    why: str


@dataclass(frozen=True)
class Limits:
    """How much, and how fast.

    Args:
      most: Letters that are sent; None: all.
      rate: A second.
      dry: Whether nothing is sent.
      again: Whether letters that the journal has are sent once more.
    """

    most: int | None = None
    rate: float = 50.0
    dry: bool = False
    again: bool = False


@dataclass
class Replayed:
    """What became of the letters that were chosen."""

    chosen: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    """By place. In a dry run: what would be sent."""
    already: int = 0
    """The journal has them."""
    repeated: int = 0
    """Equal to one that was sent just now."""
    kept: Counter[Kept] = field(default_factory=Counter)
    beyond: int = 0
    """More than were asked for."""
    unreadable: int = 0
    stopped: bool = False

    @property
    def total(self) -> int:
        """Sent, or to be sent."""
        return sum(self.sent.values())


class _Post(NamedTuple):
    """A letter on its way: its place, and all that are equal to it."""

    held: list[Held]
    place: str
    send: Send


class Replay:
    """One replay.

    A letter is settled at its source only after the place it went to has confirmed it and the journal has it on disk:
    what is interrupted is sent again, and the decision folds drop ids that they have seen.
    """

    def __init__(self, judge: Judge, sender: Sender, journal: Journal, limits: Limits, stop: Event) -> None:
        self._judge = judge
        self._sender = sender
        self._journal = journal
        self._limits = limits
        self._stop = stop
        self._pace = Pace(limits.rate, stop.wait)
        self._now: set[tuple[str, str]] = set()
        self.told = Replayed()

    def run(self, source: Source, choice: Choice) -> Replayed:
        """Everything that is chosen, in the order of event time within each batch of the source."""
        try:
            for chosen in source.batches(choice):
                self.told.chosen += len(chosen)
                self._send(source, self._posts(source, chosen))
                if self._stop.is_set():
                    break
        except StoppedError:  # what was not confirmed is not in the journal, and is sent again
            pass
        finally:
            source.close()
        self.told.unreadable = source.unreadable
        self.told.stopped = self._stop.is_set()
        return self.told

    def _posts(self, source: Source, chosen: list[Held]) -> list[_Post]:
        posts: dict[tuple[str, str], _Post] = {}
        for held in sorted(chosen, key=lambda each: each.found.at or _FIRST):
            verdict = self._judge.verdict(held.found.letter)
            place = self._sender.place(verdict) if isinstance(verdict, Send) else None
            if isinstance(verdict, Keep) or place is None:
                self._keep(held, verdict.why if isinstance(verdict, Keep) else ROWS_ADVICE)
                continue
            key = held.found.id, place
            if key in posts:
                posts[key].held.append(held)
            elif key in self._now:
                self.told.repeated += 1
                source.settle([] if self._limits.dry else [held])
            elif self._journal.has(*key) and not self._limits.again:
                self.told.already += 1
            elif self._limits.most is not None and self.told.total + len(posts) >= self._limits.most:
                self.told.beyond += 1
            else:
                posts[key] = _Post([held], place, verdict)
        return list(posts.values())

    def _keep(self, held: Held, why: str) -> None:
        letter = held.found.letter
        self.told.kept[Kept(letter.reason.value, letter.step, why)] += 1

    def _send(self, source: Source, posts: list[_Post]) -> None:
        for place, of_place in groupby(posts, key=lambda post: post.place):
            for chunk in self._pace.chunks([*of_place], paced=not self._limits.dry):
                if self._stop.is_set():
                    return
                refused = {} if self._limits.dry else self._deliver(place, chunk)
                self._settle(source, place, chunk, refused)
                source.keep_alive()

    def _deliver(self, place: str, chunk: list[_Post]) -> dict[str, str]:
        parcels = [Parcel(post.held[0].found.id, post.send) for post in chunk]
        refused = self._sender.deliver(parcels)
        self._journal.add((each.id for each in parcels if each.id not in refused), place)
        return refused

    def _settle(self, source: Source, place: str, chunk: list[_Post], refused: dict[str, str]) -> None:
        for post in chunk:
            first, *others = post.held
            if why := refused.get(first.found.id):
                for held in post.held:
                    self._keep(held, why)
                continue
            self.told.sent[place] += 1
            self.told.repeated += len(others)
            self._now.add((first.found.id, place))
            if not self._limits.dry:
                source.settle(post.held)


class Pace:
    """Not more than so many a second.

    Args:
      rate: A second.
      wait: Waits so many seconds, or less where it is told to stop.
      clock: Seconds.
    """

    def __init__(
        self, rate: float, wait: Callable[[float], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._wait = wait
        self._clock = clock
        self._free_at = clock()

    def chunks(self, posts: list[_Post], *, paced: bool = True) -> Iterator[list[_Post]]:
        """The posts in pieces, each when it may go."""
        size = max(1, min(_LARGEST_CHUNK, int(self._rate / _CHUNKS_A_SECOND))) if paced else len(posts)
        for start in range(0, len(posts), max(1, size)):
            chunk = posts[start : start + size]
            if paced:
                self._turn(len(chunk))
            yield chunk

    def _turn(self, count: int) -> None:
        """Wait until what went before has had its time."""
        now = self._clock()
        if now < self._free_at:
            self._wait(self._free_at - now)
        self._free_at = max(now, self._free_at) + count / self._rate
