"""The fingerprint of a graph: all that Dataflow keeps from one release to the next when a running job is updated."""

import hashlib
from collections.abc import Mapping

import msgspec
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api

import models.context.state as context
import models.ledger.state as ledger
from models import decide
from models.ledger import household_state

_PAR_DO = common_urns.primitives.PAR_DO.urn
_GROUP_BY_KEY = common_urns.primitives.GROUP_BY_KEY.urn
_READ = common_urns.composites.PUBSUB_READ.urn
_WRITE = common_urns.composites.PUBSUB_WRITE.urn


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How elements are put together over time."""

    kind: str
    coder: str
    firing: str
    """Trigger, accumulation, lateness and the time of what comes out, in short."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that runs, by its full name; composites only name others."""

    kind: str
    """Beam's name of what it does."""
    keyed: bool = False
    """Whether something is kept for it between bundles."""
    state: dict[str, str] = {}
    """Cell: its kind and coder."""
    timers: dict[str, str] = {}
    """Timer: its domain and coder."""
    inputs: dict[str, str] = {}
    """Of a keyed step: input and its coder."""
    windows: dict[str, Window] = {}
    """Of a keyed step."""
    side_inputs: tuple[str, ...] = ()
    at: str = ""
    """Subscription or topic, without its project."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A form of bytes, by version."""

    written: int
    reads_from: int

    def reads(self, other: "Format") -> bool:
        """Whether this release can read what the other one writes."""
        return self.reads_from <= other.written <= self.written


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release, as a running job knows it."""

    release: str
    beam: str
    steps: dict[str, Step]
    formats: dict[str, Format] = {}
    """What is written into state cells, which to Beam are bytes."""
    breaking: str = ""
    """Why no running job can be updated to this release; empty: it can."""


FORMATS: Mapping[str, Format] = {
    name: Format(written=code.VERSION, reads_from=code.READS_FROM)
    for name, code in {
        "context": context,
        "decision": decide,
        "household": household_state,
        "ledger": ledger,
    }.items()
}


def fingerprint(graph: beam_api.Pipeline, release: str, *, breaking: str = "") -> Fingerprint:
    """What a running job keeps of this graph.

    Args:
      graph: As the runner gets it.
      release: Its name.
      breaking: Why it is no update of the release before it.
    """
    from apache_beam.version import __version__  # noqa: PLC0415

    parts = _Parts(graph.components)
    steps = {
        transform.unique_name: parts.step(transform)
        for transform in graph.components.transforms.values()
        if not transform.subtransforms
    }
    return Fingerprint(
        release=release,
        beam=str(__version__),
        steps=dict(sorted(steps.items())),
        formats=dict(FORMATS),
        breaking=breaking,
    )


class _Parts:
    """Reads the parts of a graph."""

    def __init__(self, components: beam_api.Components) -> None:
        self._all = components

    def step(self, transform: beam_api.PTransform) -> Step:
        spec = transform.spec
        do = (
            beam_api.ParDoPayload.FromString(spec.payload) if spec.urn == _PAR_DO else beam_api.ParDoPayload()
        )
        state = {name: self._state(cell) for name, cell in sorted(do.state_specs.items())}
        timers = {name: self._timer(timer) for name, timer in sorted(do.timer_family_specs.items())}
        if do.restriction_coder_id:
            state["(restriction)"] = self.coder(do.restriction_coder_id)
        keyed = bool(state or timers or spec.urn == _GROUP_BY_KEY or "combine" in spec.urn)
        # Beam draws new names for what only connects: a position stays.
        inputs = [transform.inputs[name] for name in sorted(transform.inputs)] if keyed else []
        return Step(
            kind=_short(spec.urn),
            keyed=keyed or spec.urn == _READ,
            state=state,
            timers=timers,
            inputs={str(at): self._input(name) for at, name in enumerate(inputs)},
            windows={str(at): self._window(name) for at, name in enumerate(inputs)},
            side_inputs=tuple(sorted(do.side_inputs)),
            at=_place(spec),
        )

    def coder(self, name: str) -> str:
        """A coder as an expression: `kv(bytes, bytes)`; one that is ours, or pickles, by a digest of what it holds."""
        coder = self._all.coders[name]
        parts = [self.coder(part) for part in coder.component_coder_ids]
        digest = f"#{hashlib.sha256(coder.spec.payload).hexdigest()[:12]}" if coder.spec.payload else ""
        return _short(coder.spec.urn) + digest + (f"({', '.join(parts)})" if parts else "")

    def _input(self, name: str) -> str:
        return self.coder(self._all.pcollections[name].coder_id)

    def _state(self, cell: beam_api.StateSpec) -> str:
        kind = cell.WhichOneof("spec")
        if kind is None:
            return "?"
        spec = getattr(cell, kind)
        coders = [
            self.coder(getattr(spec, field.name))
            for field in spec.DESCRIPTOR.fields
            if field.name.endswith("coder_id")
        ]
        return f"{kind.removesuffix('_spec')}({', '.join(coders)})"

    def _timer(self, timer: beam_api.TimerFamilySpec) -> str:
        domain = beam_api.TimeDomain.Enum.Name(timer.time_domain).lower()
        return f"{domain}({self.coder(timer.timer_family_coder_id)})"

    def _window(self, name: str) -> Window:
        found = self._all.windowing_strategies[self._all.pcollections[name].windowing_strategy_id]
        fn = found.window_fn
        digest = f"#{hashlib.sha256(fn.payload).hexdigest()[:12]}" if fn.payload else ""
        accumulation = beam_api.AccumulationMode.Enum.Name(found.accumulation_mode).lower()
        time = beam_api.OutputTime.Enum.Name(found.output_time).lower()
        trigger = " ".join(str(found.trigger).split())
        return Window(
            kind=_short(fn.urn) + digest,
            coder=self.coder(found.window_coder_id),
            firing=f"{trigger}; {accumulation}; {time}; late {found.allowed_lateness} ms",
        )


def _short(urn: str) -> str:
    """`beam:coder:kv:v1` as `kv`."""
    parts = urn.split(":")
    return ":".join(parts[2:-1]) if len(parts) > 3 and parts[-1].startswith("v") else urn


def _place(spec: beam_api.FunctionSpec) -> str:
    if spec.urn == _READ:
        read = beam_api.PubSubReadPayload.FromString(spec.payload)
        options = {
            "with_attributes": read.with_attributes,
            "id": read.id_attribute,
            "time": read.timestamp_attribute,
        }
        said = "".join(f" {name}={value}" for name, value in options.items() if value)
        return (read.subscription or read.topic).rpartition("/")[2] + said
    if spec.urn == _WRITE:
        return str(beam_api.PubSubWritePayload.FromString(spec.payload).topic).rpartition("/")[2]
    return ""


def unsafe_coders(graph: beam_api.Pipeline) -> list[str]:
    """What keyed steps keep or shuffle in anything but Beam's own, deterministic coders: step, and coder.

    A coder of a class is in a graph as its pickle, whatever it does itself: Dataflow could not tell whether two of them
    are the same, and an element that has none is pickled.
    """
    found = []
    for name, step in fingerprint(graph, "").steps.items():
        for coder in [*step.state.values(), *step.timers.values(), *step.inputs.values()]:
            found += [f"{name}: {coder}"] if "pickled_python" in coder or "#" in coder else []
    return found
