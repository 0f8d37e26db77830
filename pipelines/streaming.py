"""Run the pipeline between topics, until it is stopped."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult

from pipelines.decisioning import connect_topics
from pipelines.local.direct_runner import fit_for_streaming
from pipelines.options import beam_options
from pipelines.stream_flags import StreamConfig

LOCAL_RUNNER = "BundleBasedDirectRunner"

READY = "reading; Ctrl-C stops"
"""What a local job says once it reads."""


def stream(args: argparse.Namespace, flags: Sequence[str]) -> int:
    """Start a streaming job. A local one runs until it is interrupted; 0: it was, and nothing is lost.

    Raises:
      UsageError: Something is wrong with the flags or the plan; nothing was started.
    """
    from pipelines.launch import checked_plan  # noqa: PLC0415  (it imports the graph)

    options = beam_options(flags, streaming=True)
    config = StreamConfig.of(args, options.view_as(GoogleCloudOptions).project)
    if "://" not in config.plan:
        plan = checked_plan(Path(config.plan))
        print(f"plan {plan.spec.name} {plan.digest}", file=sys.stderr)
    if options.view_as(StandardOptions).runner != LOCAL_RUNNER:
        _submit(config, options)
        return 0
    with fit_for_streaming():
        return _run_here(config, options)


def start(config: StreamConfig, options: PipelineOptions) -> PipelineResult:
    """The running job. For the local runner, keep `fit_for_streaming` open as long as it runs."""
    pipeline = beam.Pipeline(options=options)
    connect_topics(pipeline, config)
    return pipeline.run()


def _submit(config: StreamConfig, options: PipelineOptions) -> None:
    result = start(config, options)
    print(f"submitted: {getattr(result, 'job_id', lambda: 'job')()}")


def _run_here(config: StreamConfig, options: PipelineOptions) -> int:
    failed: list[BaseException] = []
    with _stop_requested() as stop:
        result = start(config, options)
        print(READY, file=sys.stderr, flush=True)
        waiter = threading.Thread(target=_wait, args=(result, failed, stop), daemon=True)
        waiter.start()
        stop.wait()
    if failed:
        raise failed[0]
    result.cancel()
    print("stopped; what was not done yet was not acknowledged and will be delivered again", file=sys.stderr)
    return 0


def _wait(result: PipelineResult, failed: list[BaseException], stop: threading.Event) -> None:
    try:
        result.wait_until_finish()
    except Exception as error:  # it is raised in the main thread
        failed.append(error)
    stop.set()


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """An event that is set by the first SIGINT or SIGTERM; a second one ends the process at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def request(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        logging.getLogger(__name__).info("stopping")
        stop.set()

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
