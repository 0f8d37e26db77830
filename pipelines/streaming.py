"""Run the pipeline between topics, until it is stopped."""

import argparse
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    CrossLanguageOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineResult
from apache_beam.utils.subprocess_server import JavaJarServer

from models.folds import Counted
from models.observability import metrics
from models.observability.metrics import AREAS
from pipelines.decisioning import connect_topics
from pipelines.deploy.settings import check, check_launcher, on_dataflow, settle
from pipelines.local.direct_runner import fit_for_streaming
from pipelines.locate import UsageError
from pipelines.observability.endpoint import metrics_served
from pipelines.options import beam_options
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.presence import await_subscriptions, await_topics, check_tables
from pipelines.provisioning.resources import Names, Resources
from pipelines.provisioning.views import publish_limits
from pipelines.sql.limits import plan_limits
from pipelines.stopping import stop_requested
from pipelines.stream_flags import OPTIONAL_TOPICS, READY, SUBSCRIPTIONS, TOPICS, StreamConfig
from transforms.logs import tell, to_stderr
from transforms.metrics import counted
from transforms.plan_source import PlanSource

_LOOK_S = 5.0

LOCAL_RUNNER = "BundleBasedDirectRunner"


def stream(args: argparse.Namespace, flags: Sequence[str]) -> int:
    """Start a streaming job. A local one runs until it is interrupted; 0: it was, and nothing is lost.

    Raises:
      UsageError: Something is wrong with the flags or the plan; nothing was started.
    """
    from pipelines.launch import checked_plan  # noqa: PLC0415  (it imports the graph)

    options = beam_options(flags, streaming=True)
    config = StreamConfig.of(args, options.view_as(GoogleCloudOptions).project)
    runner = options.view_as(StandardOptions).runner
    if on_dataflow(runner):
        settle(options)
        check(options, config)
        check_launcher(config)
    elif "://" not in config.plan:
        plan = checked_plan(Path(config.plan), config.keys)
        print(f"plan {plan.spec.name} {plan.digest}", file=sys.stderr)
    if runner != LOCAL_RUNNER:
        _submit(config, options)
        return 0
    with fit_for_streaming():
        return _run_here(config, options)


def start(config: StreamConfig, options: PipelineOptions) -> PipelineResult:
    """The running job. For the local runner, keep `fit_for_streaming` open as long as it runs.

    Raises:
      UsageError: The plan asks for what this runner cannot do.
    """
    pipeline = beam.Pipeline(options=options)
    services = options.view_as(CrossLanguageOptions).beam_services
    # Beam itself looks at them only between the two ends of a `with` that would wait for the job.
    with JavaJarServer.beam_services(services), JavaJarServer.cache_subprocesses():
        try:
            connect_topics(pipeline, config)
        except ValueError as error:
            raise UsageError(str(error)) from error
        return pipeline.run()


def _submit(config: StreamConfig, options: PipelineOptions) -> None:
    result = start(config, options)
    if getattr(result, "has_job", True):
        print(f"submitted: {getattr(result, 'job_id', lambda: 'job')()}")
    else:
        print("the job is written; who launched the template submits it")


def _run_here(config: StreamConfig, options: PipelineOptions) -> int:
    failed: list[BaseException] = []
    to_stderr()
    with stop_requested() as stop, ExitStack() as beside:
        if not _all_there(config, stop):
            print("stopped before anything was read", file=sys.stderr)
            return 0
        result = start(config, options)
        served = beside.enter_context(metrics_served(config.metrics_port, lambda: counted(result)))
        if served:
            print(f"metrics: {served}", file=sys.stderr)
        print(READY, file=sys.stderr, flush=True)
        for thread in (
            threading.Thread(target=_wait, args=(result, failed, stop), daemon=True),
            threading.Thread(target=_Promises(config).keep, args=(stop,), daemon=True),
        ):
            thread.start()
        stop.wait()
    if failed:
        raise failed[0]
    result.cancel()
    print(accounts_line(result), file=sys.stderr)
    print("stopped; what was not done yet was not acknowledged and will be delivered again", file=sys.stderr)
    return 0


def _all_there(config: StreamConfig, stop: threading.Event) -> bool:
    """Wait for Pub/Sub, and see that all is there that the flags name; False: we were asked to stop before."""
    endpoints = Endpoints.from_environment()
    read = {f"--{name}": getattr(config, name) for name in SUBSCRIPTIONS}
    written = {f"--{name}": path for name in [*TOPICS, *OPTIONAL_TOPICS] if (path := getattr(config, name))}
    if not (await_subscriptions(endpoints, read, stop) and await_topics(endpoints, written, stop)):
        return False
    if config.dataset is not None:
        check_tables(_tables(config.dataset), endpoints)
    return True


def _tables(dataset: str) -> Resources:
    project, name = dataset.split(".", 1)
    return Resources.of(Names(project, dataset=name))


class _Promises:
    """The limits of the plans that decide here, as rows: what `cap_breaches` holds their decisions to.

    Those of a job in the cloud are published with its plan: `nextbeam plan limits`.
    """

    def __init__(self, config: StreamConfig) -> None:
        self._config = config
        # What the steps of this process have loaded, as the graph was built of the same source.
        self._source = PlanSource(config.plan, refresh_s=config.refresh_s, keys=config.keys)
        self._published = ""
        self._told: set[tuple[str, str]] = set()

    def keep(self, stop: threading.Event) -> None:
        """Until stopped. On a thread of its own: a BigQuery that does not answer must not hold up start and stop."""
        while not stop.is_set():
            self.publish()
            stop.wait(_LOOK_S)

    def publish(self) -> None:
        """Those of the plan in force, once. A table that is not there, or not now, is no reason to stop deciding.

        It may be there at the next look; each kind of trouble with a plan is told once.
        """
        if self._config.dataset is None:
            return
        digest = ""
        try:
            plan = self._source.load().plan
            digest = plan.digest
            if digest != self._published:
                limits = plan_limits(plan.spec, digest)
                publish_limits(limits, _tables(self._config.dataset), Endpoints.from_environment())
                self._published = digest
        except Exception as error:  # a thread that ends never looks again
            self._tell(digest, type(error).__name__)

    def _tell(self, digest: str, kind: str) -> None:
        if (digest, kind) not in self._told:
            self._told.add((digest, kind))
            table = f"{self._config.dataset}.plan_limits"
            tell("limits_unpublished", plan_digest=digest, table=table, error=kind)


def accounts_line(result: PipelineResult) -> str:
    """How a job has accounted for what it read, in one line."""
    totals = counted(result)
    read, rejected = (
        sum(totals[metric(area)] for area in AREAS) for metric in (metrics.read, metrics.rejected)
    )
    by = {way: totals[name] for way, name in metrics.ACCOUNTED.items()}
    dead = rejected + by[Counted.DEAD]
    ways = {"decided": Counted.DECIDED, "observed": Counted.OBSERVED, "duplicates": Counted.DUPLICATE}
    told = " + ".join(f"{by[way]:,} {name}" for name, way in ways.items())
    return f"{read:,} inputs = {told} + {dead:,} dead letters"


def _wait(result: PipelineResult, failed: list[BaseException], stop: threading.Event) -> None:
    try:
        result.wait_until_finish()
    except Exception as error:  # it is raised in the main thread
        failed.append(error)
    stop.set()
