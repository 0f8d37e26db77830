"""Contact limits: at most N contacts in any rolling window. Compiled from the plan, asked once per decision.

A limit holds for *every* half-open window [s, s + W) that contains the new contact, not only for the one that ends
with it: events arrive out of order, so contacts later than the new one may be known. Two contacts exactly W apart
share no window. With contacts only in the past that is the trailing window, which is the fast path.

Sets of actions are the bits of an integer, by plan index. Limits that count the same thing share one tally, so that
hundreds of limits per action cost one walk over the contacts.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from models.ledger.spots import Spot, in_scope, mask, members, plan_spots, spot_of
from models.plan.spec import LimitSpec, PlanSpec, ScopeSpec
from models.times import Micros, duration
from schemas.common import Stage

Each = Literal["customer", "channel", "group", "issue", "action", "treatment"]

MOST_ROWS = 65_536
"""Rows kept at hand; there are only as many as the plan has spots, and retired ones."""


class _Tally(NamedTuple):
    """What some limits count: contacts by key, in windows of one length."""

    each: Each
    window: Micros
    channels: tuple[str, ...]
    scope: ScopeSpec | None
    """None: whatever is out of scope has keys of its own, and need not be told apart."""
    counted: bool
    """Whether offers of the decision itself count."""

    def key(self, spot: Spot) -> str | None:
        """Under what a contact counts; None if it does not."""
        if self.channels and spot.channel not in self.channels:
            return None
        if self.scope is not None and not in_scope(self.scope, spot):
            return None
        return _key(self.each, spot)


class _Limit(NamedTuple):
    """One limit, ready to be asked."""

    tally: int
    at_most: int
    each: Each
    channels: tuple[str, ...]
    actions: int
    """Actions it may refuse: in scope, and of no exempt class."""
    members: Mapping[str, int]
    """The actions that a key stands for."""

    def refused(self, counts: Mapping[str, int], channel: str) -> int:
        """The actions that it refuses in `channel`, given the contacts by key."""
        if self.channels and channel not in self.channels:
            return 0
        if self.at_most == 0:
            return self.actions
        if self.each == "channel":
            return self.actions if counts.get(channel, 0) >= self.at_most else 0
        if self.each == "treatment":
            return 0
        bits = 0
        # Whichever is shorter: a limit on one action need not look at the contacts of all the others.
        for key in self.members if len(self.members) < len(counts) else counts:
            if counts.get(key, 0) >= self.at_most:
                bits |= self.members.get(key, 0)
        return bits


class Row(NamedTuple):
    """A spot and what the limits make of it."""

    spot: Spot
    key: str
    """That of the spot."""
    keys: tuple[str | None, ...]
    """Its key in each tally."""
    need: Micros
    """How long a contact must be remembered: the longest window of the limits that cover it; 0: not at all."""


class ContactLimits:
    """All limits of a plan.

    Attributes:
      stages: Where a candidate leaves the funnel, per limit, in the order written.
      ids: Rule ids, aligned with `stages`.
      longest: The longest window; 0 without limits.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile the limits of `spec.contact`."""
        written = spec.contact.limits
        self._spec = written
        self._exempt = frozenset(spec.contact.exempt)
        self._spots = plan_spots(spec)
        self._treatments = [[treatment.id for treatment in action.treatments] for action in spec.actions]
        tallies = [_tally(limit) for limit in written]
        self._tallies = tuple(dict.fromkeys(tallies))
        self._limits = tuple(
            self._compile(limit, self._tallies.index(tally))
            for limit, tally in zip(written, tallies, strict=True)
        )
        self.ids = tuple(limit.id for limit in written)
        self.stages = tuple(
            Stage.CHANNEL_LIMITS if limit.each == "channel" else Stage.CONTACT_LIMITS for limit in written
        )
        self.longest = max((tally.window for tally in self._tallies), default=0)
        self._by_treatment = [i for i, limit in enumerate(self._limits) if limit.each == "treatment"]
        self._adding = [i for i, tally in enumerate(self._tallies) if tally.counted]
        self._rows: dict[str, Row] = {}
        self._covered: dict[str, int] = {}

    def row(self, key: str) -> Row:
        """The row of a spot, by its key."""
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                self._rows.clear()
            row = self._rows[key] = self._new_row(key)
        return row

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """The rows of several spots."""
        known = self._rows.get
        return [known(key) or self.row(key) for key in keys]

    def covered(self, channel: str) -> int:
        """The actions that some limit is about in this channel."""
        bits = self._covered.get(channel)
        if bits is None:
            fitting = [limit for limit in self._limits if not limit.channels or channel in limit.channels]
            bits = self._covered[channel] = mask(
                index for index in range(len(self._spots)) if any(fit.actions >> index & 1 for fit in fitting)
            )
        return bits

    def count(
        self, times: Sequence[Micros], rows: Sequence[Row], items: Sequence[int], at: Micros
    ) -> "Counts":
        """What the contacts so far mean for one more at `at`.

        Args:
          times: When each remembered contact was made, ascending.
          rows: The rows that `items` point to.
          items: Which spot each contact was, aligned with `times`.
          at: The time of the decision.
        """
        counts = _counted(self._tallies, times, rows, items, at)
        return Counts(self._limits, self._by_treatment, self._adding, counts)

    def _compile(self, limit: LimitSpec, tally: int) -> _Limit:
        inside = [
            index
            for index, spot in enumerate(self._spots)
            if spot.message_class not in self._exempt and in_scope(limit.scope, spot)
        ]
        grouped: dict[str, list[int]] = {}
        for index in inside:
            for key in self._keys(limit.each, index):
                grouped.setdefault(key, []).append(index)
        return _Limit(
            tally=tally,
            at_most=limit.at_most,
            each=limit.each,
            channels=limit.channels,
            actions=mask(inside),
            members={key: mask(indices) for key, indices in grouped.items()},
        )

    def _keys(self, each: Each, index: int) -> list[str]:
        spot = self._spots[index]
        if each == "treatment":
            return [_key(each, spot._replace(treatment=name)) for name in self._treatments[index]]
        return [_key(each, spot)]

    def _new_row(self, key: str) -> Row:
        spot = spot_of(key)
        if spot.message_class in self._exempt:
            return Row(spot, key, (None,) * len(self._tallies), 0)
        covering = [
            duration(limit.per)
            for limit in self._spec
            if in_scope(limit.scope, spot) and (not limit.channels or spot.channel in limit.channels)
        ]
        return Row(spot, key, tuple(tally.key(spot) for tally in self._tallies), max(covering, default=0))


class Counts:
    """Contacts counted for one decision: those before it, and the offers it has made so far."""

    def __init__(
        self,
        limits: Sequence[_Limit],
        by_treatment: Sequence[int],
        adding: Sequence[int],
        counts: Sequence[dict[str, int]],
    ) -> None:
        """Before anything is offered.

        Args:
          limits: Of the plan.
          by_treatment: Indices of those that count treatments.
          adding: Indices of the tallies that offers of the decision itself add to.
          counts: Per tally, the contacts by key, in the fullest window around the decision. They are changed.
        """
        self._limits = limits
        self._by_treatment = by_treatment
        self._adding = adding
        self._counts = counts
        self._peaks = [max(count.values(), default=0) for count in counts]

    def refused(self, channel: str, among: Collection[int] | None = None) -> Iterator[tuple[int, int]]:
        """Index of each limit that refuses anything in `channel`, as written, and the actions it refuses.

        `among`: look at these limits only.
        """
        for index in range(len(self._limits)) if among is None else sorted(among):
            limit = self._limits[index]
            if self._peaks[limit.tally] < limit.at_most:  # most limits, most of the time
                continue
            bits = limit.refused(self._counts[limit.tally], channel)
            if bits:
                yield index, bits

    def refused_treatments(self, channel: str) -> dict[int, dict[str, int]]:
        """By action index: the treatments refused in `channel`, each with the index of the limit that refuses it."""
        found: dict[int, dict[str, int]] = {}
        for index in self._by_treatment:
            limit = self._limits[index]
            if limit.channels and channel not in limit.channels:
                continue
            for key, count in self._counts[limit.tally].items():
                bits = limit.members.get(key, 0) if count >= limit.at_most else 0
                for action in members(bits):
                    found.setdefault(action, {}).setdefault(key.partition(" ")[2], index)
        return found

    def add(self, row: Row) -> set[int]:
        """Count an offer just made; the indices of the limits that it filled."""
        filled: dict[int, int] = {}
        for index in self._adding:
            key = row.keys[index]
            if key is not None:
                counts = self._counts[index]
                counts[key] = count = counts.get(key, 0) + 1
                self._peaks[index] = max(self._peaks[index], count)
                filled[index] = count
        if not filled:
            return set()
        return {i for i, limit in enumerate(self._limits) if filled.get(limit.tally, -1) >= limit.at_most}


def _tally(limit: LimitSpec) -> _Tally:
    scope = limit.scope
    apart = limit.each in ("action", "treatment") or scope == ScopeSpec()
    return _Tally(
        each=limit.each,
        window=duration(limit.per),
        channels=limit.channels,
        scope=None if apart else scope,
        counted=limit.same_decision == "counted",
    )


def _key(each: Each, spot: Spot) -> str:
    match each:
        case "customer":
            return ""
        case "channel":
            return spot.channel
        case "group":
            return spot.group
        case "issue":
            return spot.issue
        case "action":
            return spot.action
        case "treatment":
            return f"{spot.action} {spot.treatment}"


def _counted(
    tallies: Sequence[_Tally], times: Sequence[Micros], rows: Sequence[Row], items: Sequence[int], at: Micros
) -> list[dict[str, int]]:
    if times and times[-1] > at:
        return [_fullest(index, tally.window, times, rows, items, at) for index, tally in enumerate(tallies)]
    windows: dict[int, list[tuple[int, int]]] = {}  # by the first contact in it
    counts: list[dict[str, int]] = []
    columns = list(zip(*(row.keys for row in rows), strict=True))
    for index, tally in enumerate(tallies if times else ()):
        first = bisect_right(times, at - tally.window)
        found = windows.get(first)
        if found is None:
            found = windows[first] = list(Counter(items[first:]).items())
        counts.append(_by_key(columns[index], found))
    return counts or [{} for _ in tallies]


def _by_key(keys: Sequence[str | None], found: Sequence[tuple[int, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item, count in found:
        key = keys[item]
        if key is not None:
            counts[key] = counts.get(key, 0) + count
    return counts


def _fullest(
    tally: int, window: Micros, times: Sequence[Micros], rows: Sequence[Row], items: Sequence[int], at: Micros
) -> dict[str, int]:
    """Contacts by key in the fullest window that contains `at`, with contacts on both sides of it."""
    by_key: dict[str, list[Micros]] = {}
    for position in range(bisect_right(times, at - window), bisect_left(times, at + window)):
        key = rows[items[position]].keys[tally]
        if key is not None:
            by_key.setdefault(key, []).append(times[position])
    return {key: _peak(moments, at, window) for key, moments in by_key.items()}


def _peak(moments: Sequence[Micros], at: Micros, window: Micros) -> int:
    """Most contacts in one window [s, s + window) that contains `at`; `moments` lie within `window` of it."""
    # The fullest windows start at a contact, or at `at` itself: until the next contact, moving one loses nothing.
    starts = [*(moment for moment in moments if moment <= at), at]
    return max(bisect_left(moments, start + window) - bisect_left(moments, start) for start in starts)
