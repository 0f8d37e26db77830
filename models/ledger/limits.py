"""Contact limits: at most N contacts in any rolling window. Compiled from the plan, asked once per decision.

A limit holds for *every* half-open window [s, s + W) that contains the new contact, not only for the one that ends
with it: events arrive out of order, so contacts later than the new one may be known. Two contacts exactly W apart
share no window. With contacts only in the past that is the trailing window, which is the fast path.

A contact is made at the time of its decision. With `counts: committed` it counts only once an outcome has shown that it
was made: a decision before that, in order of arrival, does not know of it; one after it does, wherever its time lies.
Such a limit can therefore be exceeded by contacts under way. What is not known for sure counts: contacts that older
code wrote are committed, of any brand and of both directions.

Sets of actions are the bits of an integer, by plan index.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.kernel import find
from models.ledger.counts import Counts, Limit
from models.ledger.spots import KERNEL, Spot, in_scope, mask, plan_spots, spot_of
from models.ledger.tallies import Contacts, Each, Row, Tally, Walk, key_of
from models.plan.spec import LimitSpec, PlanSpec
from models.times import Micros
from schemas.common import Stage

if TYPE_CHECKING:
    from models.kernel.ledger import Counts as CompiledCounts
    from models.kernel.ledger import Table
    from models.ledger.book import Book

MOST_ROWS = 65_536
"""Rows kept at hand; there are only as many as the plan has spots, and retired ones."""


_NONE: frozenset[int] = frozenset()


class ContactLimits:
    """All limits of a plan.

    Attributes:
      stages: Where a candidate leaves the funnel, per limit, in the order written.
      ids: Rule ids, aligned with `stages`.
      longest: The longest window; 0 without limits.
      by_household: Whether any counts the contacts of a household.
      limits: The limits, ready to be asked.
      by_treatment: Those that refuse treatments.
      adding: Tallies that offers of the decision itself count for.
      of_directions: Tallies by direction.
      table: The compiled form, which counts one customer's contacts of the past; None where it is not built.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile the limits of `spec.contact`."""
        written = spec.contact.limits
        self._exempt = frozenset(spec.contact.exempt)
        self._spots = plan_spots(spec)
        self._treatments = [[treatment.id for treatment in action.treatments] for action in spec.actions]
        self._directions = {name: channel.direction.value for name, channel in spec.channels.items()}
        self._brands = spec.brands
        tallies = [Tally.of(limit) for limit in written]
        self._scopes = tuple((tally, limit.scope) for tally, limit in zip(tallies, written, strict=True))
        self._tallies = tuple(dict.fromkeys(tallies))
        self.limits = tuple(
            self._compile(limit, self._tallies.index(tally))
            for limit, tally in zip(written, tallies, strict=True)
        )
        self.ids = tuple(limit.id for limit in written)
        self.stages = tuple(
            Stage.CHANNEL_LIMITS if limit.each in ("channel", "direction") else Stage.CONTACT_LIMITS
            for limit in written
        )
        self.longest = max((tally.window for tally in self._tallies), default=0)
        self.by_household = any(tally.household for tally in self._tallies)
        self.by_treatment = [i for i, limit in enumerate(self.limits) if limit.each == "treatment"]
        self.adding = [i for i, tally in enumerate(self._tallies) if tally.counted]
        self.of_directions = {i for i, tally in enumerate(self._tallies) if tally.each == "direction"}
        self._rows: dict[str, Row] = {}
        self._covered: dict[tuple[str, str, bool], int] = {}
        kernel = find("ledger", KERNEL)
        self.table: Table | None = None
        if kernel is not None:
            self.table = kernel.Table(
                self._tallies, self.limits, self._directions, len(self._spots), MOST_ROWS, self.row
            )

    def direction(self, channel: str) -> str:
        """The direction of a channel; empty if the plan does not have it."""
        return self._directions.get(channel, "")

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

    def exempts(self, row: Row) -> bool:
        """Whether no limit is ever about contacts of this spot, whatever it says."""
        return row.spot.message_class in self._exempt

    def covered(self, channel: str, brand: str, *, household: bool = False) -> int:
        """The actions that some limit is about in this channel; `household`: one that counts a household."""
        asked = (channel, brand, household)
        bits = self._covered.get(asked)
        if bits is None:
            bits = 0
            for limit in self.limits:
                if limit.holds(channel, brand) and (limit.household or not household):
                    bits |= limit.actions
            self._covered[asked] = bits
        return bits

    def counted(self, book: "Book", at: Micros, brand: str, channel: str) -> "CompiledCounts | None":
        """What `count` says, from the compiled form; None if that does not know: then `count` has to be asked.

        It knows of contacts none of which is later, or missing from any window, and of channels of the plan.

        Args:
          book: Whose contacts.
          at: The time of the decision.
          brand: That which decides.
          channel: That of the request.
        """
        if self.table is None or channel not in self._directions:
            return None
        oldest = at - self.longest
        if at >= book.lost_until and (  # of a memory that is lost another rule makes sure
            book.forgotten > oldest or (book.gaps and max(book.gaps.values()) > oldest)
        ):
            return None
        return self.table.count(book.times, book.items, book.committed, book.spots, at, brand)

    def count(self, own: Contacts, at: Micros, brand: str, household: Contacts | None = None) -> "Counts":
        """What the contacts so far mean for one more of `brand` at `at`.

        Args:
          own: The customer's contacts.
          at: The time of the decision.
          brand: That which decides.
          household: The contacts of the customer and all other members; None: there are no others.
        """
        mine = Walk(own, at, brand)
        ours = mine if household is None else Walk(household, at, brand)
        counts = [
            (ours if tally.household else mine).counts(index, tally)
            for index, tally in enumerate(self._tallies)
        ]
        forgot = mine.forgot(self.longest) or (household is not None and ours.forgot(self.longest))
        return Counts(self, counts, brand, self._blind(mine, ours) if forgot else _NONE)

    def _blind(self, mine: Walk, ours: Walk) -> frozenset[int]:
        """Tallies that look back to contacts that were forgotten, under a plan that looked back less."""
        return frozenset(
            index
            for index, tally in enumerate(self._tallies)
            if (mine, ours)[tally.household].forgot(tally.window)
        )

    def _compile(self, limit: LimitSpec, tally: int) -> Limit:
        inside = [
            index
            for index, spot in enumerate(self._spots)
            if spot.message_class not in self._exempt and in_scope(limit.scope, spot)
        ]
        grouped: dict[str, list[int]] = {}
        for index in inside:
            for key in self._keys(limit.each, index):
                grouped.setdefault(key, []).append(index)
        return Limit(
            tally=tally,
            at_most=limit.at_most,
            each=limit.each,
            where=self._where(limit),
            brands=limit.brands,
            household=limit.whose == "household",
            actions=mask(inside),
            members={key: mask(indices) for key, indices in grouped.items()},
            # contacts of unknown direction count for both, so two keys can make one count
            asked_from=-(-limit.at_most // 2) if limit.each == "direction" else limit.at_most,
        )

    def _where(self, limit: LimitSpec) -> frozenset[str] | None:
        if not limit.directions:
            return frozenset(limit.channels) or None
        among = limit.channels or self._directions
        return frozenset(name for name in among if self.direction(name) in limit.directions)

    def _keys(self, each: Each, index: int) -> list[str]:
        spot = self._spots[index]
        if each == "treatment":
            return [key_of(each, spot._replace(treatment=name)) for name in self._treatments[index]]
        return [key_of(each, spot)]

    def _new_row(self, key: str) -> Row:
        spot = self._completed(spot_of(key))
        if spot.message_class in self._exempt:
            return Row(spot, key, (None,) * len(self._tallies), 0)
        covering = [
            tally.window
            for tally, scope in self._scopes
            if tally.key(spot) is not None and in_scope(scope, spot)
        ]
        return Row(spot, key, tuple(tally.key(spot) for tally in self._tallies), max(covering, default=0))

    def _completed(self, spot: Spot) -> Spot:
        """With the brand and direction that older code did not write, where the plan leaves no doubt of them."""
        brand = spot.brand or (self._brands[0] if len(self._brands) == 1 else "")
        return spot._replace(brand=brand, direction=spot.direction or self.direction(spot.channel))
