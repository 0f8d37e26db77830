"""A small streaming job, and each way in which its next release may differ from it."""

from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.io.gcp.pubsub import ReadFromPubSub
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.trigger import AccumulationMode, Always
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows

from pipelines.deploy.fingerprint import Fingerprint, fingerprint


def small_job(
    *,
    step: str = "Count",
    subscription: str = "events",
    before: bool = False,
    group: bool = False,
    side: bool = False,
    key: type = bytes,
    window: Any = None,
    release: str = "x",
    **counting: Any,
) -> Fingerprint:
    """A subscription, a key, a count; `counting` is what its cells and timer are."""
    pipeline = beam.Pipeline(options=PipelineOptions(streaming=True))
    read = pipeline | "Read" >> ReadFromPubSub(
        subscription=f"projects/some-bank/subscriptions/{subscription}"
    )
    if before:
        read |= "Look" >> beam.Map(lambda each: each).with_output_types(bytes)
    if side:
        more = beam.pvalue.AsIter(pipeline | "More" >> beam.Create([1], reshuffle=False))
        read |= "Look" >> beam.Map(lambda each, _: each, more).with_output_types(bytes)
    keyed = read | "Key" >> beam.Map(lambda each: (each, each)).with_output_types(tuple[key, bytes])
    keyed |= "Window" >> beam.WindowInto(
        window or GlobalWindows(), trigger=Always(), accumulation_mode=AccumulationMode.DISCARDING
    )
    if group:
        groups = keyed | "Group" >> beam.GroupByKey()
        keyed = groups | "Open" >> beam.Map(tuple).with_output_types(tuple[key, bytes])
    _ = keyed | step >> beam.ParDo(_counter(**counting))
    return fingerprint(pipeline.to_runner_api(), release)


def _counter(
    cell: str = "sum",
    coder: Any = None,
    extra_cell: bool = False,
    domain: Any = TimeDomain.WATERMARK,
    text: str = "a",
) -> beam.DoFn:
    held = ReadModifyWriteStateSpec(cell, coder or VarIntCoder())
    more = ReadModifyWriteStateSpec("more", BytesCoder())
    timer = TimerSpec("due", domain)

    class Count(beam.DoFn):
        def process(self, element, held=beam.DoFn.StateParam(held), due=beam.DoFn.TimerParam(timer)):
            yield text

        @on_timer(timer)
        def expire(self):
            yield text

    class CountMore(Count):
        def process(
            self,
            element,
            held=beam.DoFn.StateParam(held),
            more=beam.DoFn.StateParam(more),
            due=beam.DoFn.TimerParam(timer),
        ):
            yield text

    return CountMore() if extra_cell else Count()
