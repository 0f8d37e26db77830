"""Running one fold in plain Python and in both hosts of FoldPerKey, in a form that compares."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest import mock

import apache_beam as beam
import msgspec
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection
from apache_beam.testing.test_stream import TestStream

from models.folds import Counted, Fold, Noticed, Output, fold_events
from models.ledger import key_of
from schemas import Outcome, Signal
from transforms import fold_hosts
from transforms.fold_hosts import FoldSource
from transforms.fold_per_key import FoldPerKey, Host
from transforms.metrics import accounted

Event = Signal | Outcome
TestStream.__test__ = False  # for pytest, which would take it for a test

Keyed = tuple[bytes, bytes]
Outputs = Counter[tuple[str, bytes]]
Accounts = dict[Counted, int]

BOUNDED = ("--runner=FnApiRunner",)
STREAMING = ("--runner=BundleBasedDirectRunner", "--streaming")

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def row(output: Output) -> tuple[str, bytes]:
    """An output as its type and its bytes."""
    return type(output).__name__, _encode(output)


def plain(fold: Fold, arrivals: Sequence[Event], *, in_order: bool = False) -> tuple[Outputs, Accounts]:
    """What plain Python makes of the events of several customers or households: outputs and counts."""
    everything: list[Output] = []
    for key in dict.fromkeys(key_of(fold, event) for event in arrivals):
        events = [event for event in arrivals if key_of(fold, event) == key]
        if in_order:
            events.sort(key=lambda event: (fold.order(event), fold.encode_event(event)))
        everything += fold_events(fold, events)
    accounts = dict.fromkeys(Counted, 0) | Counter(o for o in everything if isinstance(o, Counted))
    records = [output for output in everything if not isinstance(output, Counted | Noticed)]
    return Counter(row(output) for output in records), accounts


def keyed(fold: Fold, arrivals: Sequence[Event]) -> list[Keyed]:
    """The events as FoldPerKey takes them."""
    return [(key_of(fold, event).encode(), fold.encode_event(event)) for event in arrivals]


def stream(rows: Sequence[Keyed], size: int | None) -> TestStream:
    """Bundles of `size` elements (None: one of all); event time stands still until the end."""
    source = empty_stream()
    size = size or max(len(rows), 1)
    for start in range(0, len(rows), size):
        source = source.add_elements(list(rows[start : start + size]))
    return source.advance_watermark_to_infinity()


def empty_stream() -> TestStream:
    """A stream of keyed events, to be added to."""
    return TestStream(coder=beam.coders.registry.get_coder(Keyed)).with_output_types(Keyed)


def streamed(
    fold: FoldSource, outputs: Mapping[str, type], source: TestStream, *, forwarded: tuple[type, ...] = ()
) -> tuple[Outputs, Accounts]:
    """What the stateful host makes of a stream.

    Counted here: of each step, the streaming direct runner keeps only what its first bundle counted.
    """
    accounts = {counted: Tally() for counted in Counted}
    with mock.patch.object(fold_hosts, "ACCOUNTS", accounts):
        folded = FoldPerKey(fold, outputs, forwarded=forwarded)
        outputs_seen, _ = _run(STREAMING, lambda p: p | source, folded, tuple(outputs))
    return outputs_seen, {counted: tally.count for counted, tally in accounts.items()}


class Tally:
    """Counts as a Beam counter does, in the process of the test."""

    count = 0

    def inc(self, n: int = 1) -> None:
        self.count += n


def bounded(
    fold: FoldSource,
    outputs: Mapping[str, type],
    rows: Sequence[Keyed],
    *,
    host: Host | None = None,
    flags: Sequence[str] = BOUNDED,
) -> tuple[Outputs, Accounts]:
    """What a host makes of a bounded collection."""

    def source(pipeline: beam.Pipeline) -> PCollection[Keyed]:
        return pipeline | beam.Create(list(rows), reshuffle=False).with_output_types(Keyed)

    return _run(flags, source, FoldPerKey(fold, outputs, host=host), tuple(outputs))


def _run(
    flags: Sequence[str],
    source: Callable[[beam.Pipeline], PCollection[Keyed]],
    transform: FoldPerKey,
    tags: Sequence[str],
) -> tuple[Outputs, Accounts]:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(options=PipelineOptions(list(flags)))
        folded = source(pipeline) | transform
        for tag in tags:
            collect(folded[tag], tag, folder)
        result = pipeline.run()
        result.wait_until_finish()
        return collected(folder), accounted(result)


def collect(outputs: PCollection, tag: str, folder: str) -> None:
    """Append every element to a file of the process that has it: works in every runner."""
    _ = outputs | f"Collect_{tag}" >> beam.ParDo(_CollectFn(folder))


def collected(folder: str) -> Outputs:
    """What `collect` left in the folder."""
    lines = [line.split() for path in Path(folder).iterdir() for line in path.read_text().splitlines()]
    return Counter((name, bytes.fromhex(data)) for name, data in lines)


class _CollectFn(beam.DoFn):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, output: Output) -> None:
        name, data = row(output)
        with (Path(self._folder) / str(os.getpid())).open("a") as file:
            file.write(f"{name} {data.hex()}\n")
