"""DecodeSignals, DecodeOutcomes: payloads in; each leaves as an event or as a dead letter, and is counted."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.typehints import typehints
from apache_beam.typehints.decorators import no_annotations

from models.decoding import Decoder, Rejection, dead_letter
from models.decoding.decoder import MAX_BYTES
from models.mapping import Contract, load_mapping
from models.observability.heartbeats import is_heartbeat
from models.observability.metrics import DECODING_REASONS, SIGNALS_SKIPPED, read, rejected
from models.plan.spec import PlanSpec
from models.times import Micros, duration, micros, moment
from schemas import DeadLetter, Outcome, Reason, Signal
from schemas.routing import TRACE, is_trace
from transforms import tally
from transforms.discreet import DiscreetFn
from transforms.metrics import Counts, counter
from transforms.plan_source import PlanSource

Area = Literal["signals", "outcomes"]
_EVENTS = (Signal, Outcome)


class Decoded(NamedTuple):
    """Events, and what was none."""

    events: PCollection[Any]
    dead_letters: PCollection[DeadLetter]


class _Decode(beam.PTransform[PCollection[bytes | PubsubMessage], Decoded]):
    """What both decoders are: a contract, an area for counters, and the rules."""

    _area: Area
    _contract: Contract

    def __init__(
        self,
        plan: PlanSource | None = None,
        *,
        mapping: str | None = None,
        max_bytes: int = MAX_BYTES,
        latest: Micros | None = None,
        ahead: Micros | None = None,
    ) -> None:
        super().__init__()
        self._rules = _Rules(self._contract, plan, mapping, max_bytes, latest, ahead)

    @no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
    def expand(self, payloads: PCollection[bytes | PubsubMessage]) -> Decoded:
        """One step with two outputs."""
        decode = _DecodeFn(self._rules, self._area, type(self).__name__)
        main = typehints.Union[tuple(self._rules.contracts())]
        out = payloads | "Decode" >> beam.ParDo(decode).with_output_types(main).with_outputs(
            "dead", main="events"
        )
        out.dead.element_type = DeadLetter
        return Decoded(out.events, out.dead)


class DecodeSignals(_Decode):
    """Payloads of signals in JSON; every one leaves as an event or as a dead letter, or an import rule skips it.

    A payload is bytes, or a message with attributes; of those only the trace context is read, where the payload
    has none. Event time comes from the payload.

    Args:
      plan: Whose names are known; None: any name is.
      mapping: Path of an import mapping; then payloads are rows of it, and what it makes of them are the events,
        outcomes included.
      max_bytes: Largest payload that is looked at.
      latest: Latest event time that is taken, inclusive; None: anything before 2100.
      ahead: How far the event time of a message may be ahead of its publication; None: by the plan's session.late. A
        customer's clock follows the latest event: one further ahead would make all that really happens too late.

    Counters `signals_read`, `signals_rejected`, `signals_skipped` and one `signals_rejected_REASON` per reason.

    Raises:
      MappingFileError: The mapping is not valid.
    """

    _area = "signals"
    _contract = Signal


class DecodeOutcomes(_Decode):
    """Payloads of outcomes in JSON; otherwise as `DecodeSignals`, with counters of `outcomes`."""

    _area = "outcomes"
    _contract = Outcome


def _trace(own: str | None, message: PubsubMessage) -> str | None:
    """The trace context of an event: its own, else that of its message; one that is malformed is none."""
    for found in (own, (message.attributes or {}).get(TRACE)):
        if found and is_trace(found):
            return found
    return None


class _Rules(NamedTuple):
    """What a decoder is made of: small, and pickles. Workers load the plan and the mapping themselves."""

    contract: Contract
    plan: PlanSource | None
    mapping: str | None
    max_bytes: int
    latest: Micros | None
    ahead: Micros | None

    def contracts(self) -> tuple[Contract, ...]:
        """What events there can be."""
        return load_mapping(Path(self.mapping)).contracts if self.mapping else (self.contract,)

    def spec(self) -> PlanSpec | None:
        """The plan whose names are known, as it is now."""
        return self.plan.load().plan.spec if self.plan else None

    def most_ahead(self, spec: PlanSpec | None) -> timedelta | None:
        """How far an event time may be ahead of its publication; None: as far as it likes."""
        if self.ahead is not None:
            return timedelta(microseconds=self.ahead)
        return timedelta(microseconds=duration(spec.session.late)) if spec else None

    def decoder(self, spec: PlanSpec | None) -> Decoder:
        """The decoder itself."""
        return Decoder(
            self.contract,
            spec,
            max_bytes=self.max_bytes,
            latest=self.latest,
            reshape=load_mapping(Path(self.mapping)).reshape if self.mapping else None,
        )


class _DecodeFn(DiscreetFn):
    """Beam adapter for `Decoder`: counts and routes, decides nothing."""

    def __init__(self, rules: _Rules, area: Area, step: str) -> None:
        self._rules = rules
        self._step = step
        self._by_reason = {reason: rejected(area, reason) for reason in DECODING_REASONS}
        self._read, self._rejected = read(area), rejected(area)
        names = {self._read, SIGNALS_SKIPPED, self._rejected, *self._by_reason.values()}
        self._counts = Counts({name: counter(name) for name in names})

    def setup(self) -> None:
        self._use(self._rules.spec())

    def start_bundle(self) -> None:
        self._counts.start()
        spec = self._rules.spec()
        if spec is not self._spec:
            self._use(spec)

    def _use(self, spec: PlanSpec | None) -> None:
        self._spec = spec
        self._decode = self._rules.decoder(spec).decode
        self._ahead = self._rules.most_ahead(spec)

    def finish_bundle(self) -> None:
        self._counts.count()

    def process(self, arrived: bytes | PubsubMessage) -> Iterable[Any]:
        self._counts.add(self._read)
        tally.add("read")
        payload = arrived if isinstance(arrived, bytes) else arrived.data
        event = self._decode(payload)
        if not isinstance(arrived, bytes) and isinstance(event, _EVENTS):
            event = self._delivered(event, arrived)
        if isinstance(event, _EVENTS):
            return (event,)
        if isinstance(event, Rejection):
            self._counts.add(self._rejected)
            self._counts.add(self._by_reason[event.reason])
            return (TaggedOutput("dead", dead_letter(event, step=self._step, payload=payload)),)
        self._counts.add(SIGNALS_SKIPPED)  # outcomes have no mapping that could
        return ()

    def _delivered(self, event: Signal | Outcome, message: PubsubMessage) -> Signal | Outcome | Rejection:
        """The event with what its message adds; or why it cannot have happened yet."""
        published = message.publish_time
        if published is not None and self._ahead is not None and event.occurred_at - published > self._ahead:
            return Rejection(
                Reason.BAD_TIME, f"$.occurred_at: more than {self._ahead} ahead of its publication"
            )
        if isinstance(event, Signal) and is_heartbeat(event) and published is not None:
            # Google's client has a datetime of its own, which nothing else encodes.
            event = msgspec.structs.replace(event, occurred_at=moment(micros(published)))
        trace = _trace(event.trace, message)
        return event if trace == event.trace else msgspec.structs.replace(event, trace=trace)
