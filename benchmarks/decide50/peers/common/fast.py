"""decide-50 written for speed in ordinary Python, msgspec and numpy, without a compiler.

Lines are decoded straight into checked structs. Engagement rules become bit masks: each value of a field says which
actions it forbids, and to which it gives one of the alternatives they need. Of contacts the last times of each action,
group and channel are kept, and until when their caps hold, so that a decision looks at no single contact.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from common.choosing import DAY, Chooser, Known, Places
from common.records import NEVER, Decision, Event, Keyed, Person, Placement, State, known_events

Line = bytes | str

_LOGS = 1024
_LOG = [math.log1p(count) for count in range(_LOGS)]
_decode_key = msgspec.json.Decoder(Keyed).decode
_ASKED = ("brand", "channel", "device")


class NotAnEventError(ValueError):
    """A line that cannot be read as an event; the text says why."""


def customer_of(line: Line) -> str:
    """Whose line it is, and no more of it.

    Raises:
      NotAnEventError: Nobody's.
    """
    try:
        return _decode_key(line).customer_id
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnEventError(str(error)) from error


def dead_letter(line: Line, error: Exception) -> bytes:
    """What is written of a malformed line."""
    text = line if isinstance(line, str) else line.decode("utf-8", "replace")
    return msgspec.json.encode({"dead_letter": str(error), "raw": text.rstrip("\n")})


class Engine:
    """All that is done with a line; the caller keeps the states."""

    def __init__(self, data: str) -> None:
        folder = Path(data)
        self._config: dict[str, Any] = msgspec.json.decode((folder / "config.json").read_bytes())
        config, arrays = self._config, np.load(folder / "models.npz")
        self._chooser = Chooser(config, arrays["W"], arrays["b"])
        person = msgspec.json.Decoder(Person).decode
        with (folder / "customers.ndjson").open("rb") as file:
            self._persons = {each.customer_id: each for each in map(person, file)}
        self._decode = msgspec.json.Decoder(known_events(config)).decode
        self._encode = msgspec.json.Encoder().encode
        self._gap, self._keep = config["session_gap_s"], config["dedupe_last"]
        self._types = {name: index for index, name in enumerate(config["types"])}
        self._pages = {name: index for index, name in enumerate(config["pages"])}
        self._pauses = {kind: days * DAY for kind, days in config["suppress_days"].items()}
        self._view, self._search = self._types["product_view"], self._types["search"]
        self._people: dict[str, Known] = {}
        self._requests: dict[tuple[str, ...], Known] = {}

    def nobody(self) -> State:
        """What is remembered before the first event."""
        return State([0] * len(self._types), [NEVER] * len(self._types))

    def read(self, line: Line) -> tuple[float, Event]:
        """When it was, and the event.

        Raises:
          NotAnEventError: The line is malformed.
        """
        try:
            event = self._decode(line)
            return datetime.fromisoformat(event.ts).timestamp(), event
        except (msgspec.DecodeError, ValueError) as error:
            raise NotAnEventError(str(error)) from error

    def fold(self, lines: Iterable[Line], state: State) -> Iterator[bytes]:
        """All that is written of one customer's lines, ordered by time and id first; the state changes in place."""
        events = []
        for line in lines:
            try:
                events.append(self.read(line))
            except NotAnEventError as error:
                yield dead_letter(line, error)
        events.sort(key=lambda pair: (pair[0], pair[1].event_id))
        for now, event in events:
            made = self.step(state, now, event)
            if made is not None:
                yield made

    def step(self, state: State, now: float, event: Event) -> bytes | None:
        """Take an event into the state, in place; a decision if it asks for one."""
        seen = state.seen
        if event.event_id in seen:
            return None
        seen.append(event.event_id)
        if len(seen) > self._keep:
            del seen[0]
        if now - state.last > self._gap:
            self._open(state, now)
        kind = event.type
        index = self._types[kind]
        state.last = state.latest[index] = now
        state.events += 1
        state.counts[index] += 1
        state.dwell_ms += event.attributes.dwell_ms
        pages = state.pages
        pages.append(self._pages[event.page])
        if len(pages) > 5:
            del pages[0]
        if event.product:
            state.product = event.product
        if kind == "page_view":
            places = self._chooser.places.get(event.page)
            return self._decide(state, now, event, places) if places else None
        if kind == "impression":
            state.impressions.append(now)
        elif kind == "add_to_cart":
            state.cart += event.attributes.value
        elif kind == "remove_from_cart":
            state.cart = max(0.0, state.cart - event.attributes.value)
        elif kind == "checkout":
            state.cart = 0.0
        elif kind in self._pauses:
            self._pause(state, now + self._pauses[kind], event.attributes.action)
        return None

    def _open(self, state: State, now: float) -> None:
        """Start a session."""
        state.sessions += 1
        state.start, state.events, state.decisions = now, 0, 0
        state.dwell_ms = state.cart = 0.0
        state.counts, state.latest = [0] * len(state.counts), [NEVER] * len(state.latest)
        state.pages, state.product = [], None

    def _pause(self, state: State, until: float, action: str | None) -> None:
        index = self._chooser.index.get(action) if action else None
        if index is not None and until > state.pauses.get(index, 0.0):
            state.pauses[index] = until

    def _decide(self, state: State, now: float, event: Event, places: Places) -> bytes:
        chooser, channel = self._chooser, event.channel
        person = self._people.get(event.customer_id) or self._meet(event.customer_id)
        names = event.brand, channel, event.attributes.device
        request = self._requests.get(names) or self._asked(names)
        hour, dwell_s = int(now / 3600 % 24), state.dwell_ms / 1000
        views, searches = state.counts[self._view], state.counts[self._search]
        moment = hour, state.events, dwell_s, state.cart, views, searches
        eligible = chooser.rules.free(person.masks, request.masks, moment)
        free, policy = chooser.available(state, now, channel, eligible)
        placements = [Placement(name, []) for name, _, _ in places]
        if free:
            features = self._features(state, now, request, person)
            if picked := chooser.fill(placements, places, free, channel, features):
                chooser.remember(state, now, picked, channel)
        state.decisions += 1
        made = Decision(
            f"d-{event.event_id}",
            event.event_id,
            event.customer_id,
            event.ts,
            event.brand,
            channel,
            event.page,
            placements,
            policy,
            {"n": state.events, "dwell_s": dwell_s},
        )
        return self._encode(made)

    def _features(self, state: State, now: float, request: Known, person: Known) -> list[float]:
        """Inputs of the models, in the order of the strategy."""
        log, exp = math.log1p, math.exp
        impressions, pages = state.impressions, [0.0] * len(self._pages)
        del impressions[: bisect_right(impressions, now - 7 * DAY)]
        for page in state.pages:
            pages[page] += 0.2
        angle = now / 3600 % 24 * math.pi / 12
        return [
            *[_LOG[count] if count < _LOGS else log(count) for count in state.counts],
            *[exp((at - now) / 600) if at > 0 else 0.0 for at in state.latest],
            log(state.events),
            log(now - state.start),
            log(state.dwell_ms / 1000),
            log(state.cart),
            log(state.sessions),
            log(state.decisions),
            *pages,
            *request.features,
            math.sin(angle),
            math.cos(angle),
            1.0 if (now // DAY + 3) % 7 >= 5 else 0.0,
            *person.features,
            log(len(impressions)),
            log(len(impressions) - bisect_right(impressions, now - DAY)),
            person.consent,
            1.0 if state.product in person.owned else 0.0,
        ]

    def _meet(self, customer: str) -> Known:
        """What never changes of a customer."""
        person = self._persons[customer]
        features = [
            person.age / 100,
            math.log1p(person.tenure_months),
            *(float(person.tier == tier) for tier in ("silver", "gold", "platinum")),
            person.credit_score / 1000,
            len(person.owned) / 10,
        ]
        masks = self._chooser.rules.of(msgspec.structs.asdict(person))
        known = Known(masks, features, float(person.consent_marketing), person.owned)
        self._people[customer] = known
        return known

    def _asked(self, names: tuple[str, ...]) -> Known:
        """What brand, channel and device say."""
        values = dict(zip(_ASKED, names, strict=True))
        hot = [float(value == each) for field, value in values.items() for each in self._config[f"{field}s"]]
        asked = self._requests[names] = Known(self._chooser.rules.of(values), hot)
        return asked


class Loop:
    """One event after another, with all states in a dictionary."""

    def __init__(self, data: str) -> None:
        self._engine = Engine(data)

    def run(self, lines: Iterable[Line]) -> Iterator[bytes]:
        """Decisions and dead letters, a line each, without their ends."""
        engine, states = self._engine, dict[str, State]()
        for line in lines:
            try:
                now, event = engine.read(line)
            except NotAnEventError as error:
                yield dead_letter(line, error)
                continue
            state = states.get(event.customer_id)
            if state is None:
                state = states[event.customer_id] = engine.nobody()
            made = engine.step(state, now, event)
            if made is not None:
                yield made
