"""One customer from the first day to the last: events in time order, decided and answered as they happen."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from models.folds import Counted, Fold, advance
from models.plan.spec import PlanSpec
from models.simulation.config import SimulationConfig
from models.simulation.customers import customer
from models.simulation.days import day_at, introduce, write_day
from models.simulation.draws import generator
from models.simulation.life import life_of
from models.simulation.person import Person
from models.simulation.reactions import reactions
from models.simulation.responses import Response, respond
from models.simulation.scribe import Scribe
from models.simulation.strays import strays_of_day
from models.simulation.truth import ResponseModel
from models.times import DAY, NEVER, Micros, micros
from schemas import DeadLetter, Decision, Outcome, Signal

Event = Signal | Outcome
Decider = Fold[Any, Event]
"""Any fold over events whose outputs contain `Decision`s, e.g. `DecideFold`."""


@dataclass(slots=True)
class Told:
    """All that happened to one customer."""

    person: Person
    events: list[Event] = field(default_factory=list)
    """In the order of event time, as the fold saw them."""
    responses: list[tuple[Decision, Response]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    """How the fold accounted for the events; dead letters also by reason, as `dead_letters.REASON`."""


class Teller:
    """Tells the life of one customer after the other. Customers do not affect each other."""

    def __init__(
        self, config: SimulationConfig, spec: PlanSpec, model: ResponseModel, fold: Decider | None
    ) -> None:
        self.config, self.spec, self.model, self.fold = config, spec, model, fold
        self.groups = {action.id: action.group for action in spec.actions}

    def tell(self, number: int) -> Told:
        """The customer with this number, from the first day until observation closes."""
        config = self.config
        who = customer(config.seed, number)
        life = life_of(config.seed, who, config.begins, config.ends)
        return _Life(self, Person.at(who, life, config.begins)).run()


class _Life:
    """The loop: the queue of one customer's events, the state of the fold, what was told."""

    def __init__(self, teller: Teller, person: Person) -> None:
        self._teller, self._person, self._config = teller, person, teller.config
        self._told = Told(person)
        self._queue: list[tuple[Micros, int, str, Event]] = []
        self._brands: dict[str, str] = {}
        fold = teller.fold
        self._state = None if fold is None else fold.initial()

    def run(self) -> Told:
        config = self._config
        self._enqueue(self._introduction())
        for number in range(config.days):
            begins = config.begins + number * DAY
            self._enqueue(self._signals_of_day(number, begins))
            self._process(until=begins + DAY)
        self._process(until=config.closes)
        if self._teller.fold is not None:
            self._take(self._teller.fold.expire(self._state, NEVER)[1])
        return self._told

    def _introduction(self) -> Iterable[Signal]:
        scribe = self._scribe("first")
        introduce(self._person, scribe, self._config.begins)
        return scribe.written

    def _scribe(self, occasion: object) -> Scribe:
        identity = self._person.customer.customer_id
        return Scribe(identity, f"{identity}-{occasion}", self._teller.spec.placements)

    def _signals_of_day(self, number: int, begins: Micros) -> Iterator[Event]:
        config, person = self._config, self._person
        draws = generator(config.seed, "day", person.customer.number, number)
        day, scribe = day_at(self._teller.spec.time_zone, begins), self._scribe(number + 1)
        write_day(
            draws,
            person,
            scribe,
            day,
            visits=config.visits_per_day,
            card_payments=config.card_payments_per_day,
        )
        yield from scribe.written
        yield from strays_of_day(draws, person.customer.customer_id, scribe, config.unattributed)

    def _enqueue(self, events: Iterable[Event]) -> None:
        for event in events:
            at = micros(event.occurred_at)
            if isinstance(event, Signal) and at < self._config.ends:
                heappush(self._queue, (at, 0, event.signal_id, event))
            elif isinstance(event, Outcome) and at < self._config.closes:
                heappush(self._queue, (at, 1, event.outcome_id, event))

    def _process(self, until: Micros) -> None:
        while self._queue and self._queue[0][0] < until:
            event = heappop(self._queue)[3]
            self._told.events.append(event)
            self._person.note(event)
            if self._teller.fold is not None:
                self._state, outputs = advance(self._teller.fold, self._state, event)
                self._take(outputs)
            if isinstance(event, Outcome):
                self._react(event)

    def _take(self, outputs: Iterable[object]) -> None:
        """Count outputs; customers answer decisions."""
        counted = self._told.counted
        for output in outputs:
            if isinstance(output, Counted):
                counted[output.value] += 1
            elif isinstance(output, DeadLetter):
                counted[f"{Counted.DEAD.value}.{output.reason.value}"] += 1
            elif isinstance(output, Decision):
                self._answer(output)

    def _answer(self, decision: Decision) -> None:
        config = self._config
        self._brands[decision.decision_id] = decision.brand
        for offer in decision.offers:
            response = respond(
                self._teller.model,
                self._person,
                decision,
                offer,
                config.seed,
                config.conversions_without_decision,
            )
            self._told.responses.append((decision, response))
            self._enqueue(response.outcomes)

    def _react(self, outcome: Outcome) -> None:
        group = self._teller.groups.get(outcome.action or "")
        brand = self._brands.get(outcome.decision_id or "", self._person.facts["brands"][0])
        if group is not None:
            self._enqueue(reactions(outcome, group, brand, self._person, self._config.seed))
