"""The whole request that would start a job on Dataflow, built without a cloud: nothing is sent and nothing staged."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from apache_beam.options.pipeline_options import PipelineOptions, TestOptions
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.internal.names import STAGED_PIPELINE_FILENAME

from pipelines.deploy.job_flags import JobFlags
from pipelines.deploy.network import no_network
from pipelines.launch import checked_plan
from pipelines.locate import UsageError, find_plan
from pipelines.stream_flags import StreamConfig
from pipelines.streaming import start
from transforms.plan_source import standing_in

RUNNING = "ID-OF-THE-JOB-THAT-RUNS"
"""What stands for it in the request of an update: only Dataflow knows it, and the launcher asks."""


@dataclass(frozen=True)
class JobRequest:
    """What would be sent, and what would lie in the bucket before."""

    job: dict[str, Any]
    """The body of `projects.locations.jobs.create`, as JSON."""
    graph: beam_api.Pipeline
    """The graph as Dataflow gets it, with the runner's own changes."""
    staged: dict[str, bytes]
    """File by its place in the bucket; the graph is one of them."""

    @property
    def environment(self) -> dict[str, Any]:
        """How the job is to run."""
        found: dict[str, Any] = self.job["environment"]
        return found

    @property
    def workers(self) -> dict[str, Any]:
        """The one pool of workers."""
        [pool] = self.environment["workerPools"]
        found: dict[str, Any] = pool
        return found


def build_request(flags: Sequence[str], plan: str) -> JobRequest:
    """The request that the launcher would send, had it these flags.

    Args:
      flags: Of `python -m pipelines.decisioning`, those of Beam included.
      plan: The plan at `--plan`, on this machine: a path or the name of a shipped one. The graph depends on it.

    Raises:
      UsageError: The job is not fit for Dataflow, or the plan not good.
    """
    described = JobFlags.of(flags)
    options, config = described.options, described.config
    options.view_as(TestOptions).dry_run = True
    java = config.dataset is not None and config.method == "storage_write_api"
    with no_network(services_here=java), standing_in(config.plan, checked_plan(find_plan(plan))):
        client, job = _described(config, options)
    graph = beam_api.Pipeline.FromString(client.staged[_graph_of(client.staged)])
    return JobRequest(json.loads(job.json()), graph, client.staged)


def _described(config: StreamConfig, options: PipelineOptions) -> "tuple[_Unsent, apiclient.Job]":
    try:
        with mock.patch.object(apiclient.Job, "job_id_for_name", return_value=RUNNING):
            job: apiclient.Job = start(config, options).job  # type: ignore[attr-defined]
            job.options.view_as(TestOptions).dry_run = False
            client = _Unsent(job)
            client.create_job_description(job)
    except (ValueError, ImportError, RuntimeError) as error:
        raise UsageError(f"Beam refuses it: {error}") from error
    return client, job


def _graph_of(staged: dict[str, bytes]) -> str:
    [name] = [name for name in staged if name.endswith(f"/{STAGED_PIPELINE_FILENAME}")]
    return name


class _Unsent(apiclient.DataflowApplicationClient):
    """Beam's own client, but for its connections: it describes a job, and keeps what it would stage."""

    def __init__(self, job: apiclient.Job) -> None:
        self.environment_version = apiclient._FNAPI_ENVIRONMENT_MAJOR_VERSION
        self._sdk_image_overrides = self._get_sdk_image_overrides(job.options)  # type: ignore[no-untyped-call]
        self._enable_caching = False
        self.staged: dict[str, bytes] = {}

    def stage_file_with_retry(
        self, folder: str, name: str, source: str | io.IOBase, *_: Any, **__: Any
    ) -> None:
        """Keep the file."""
        data = Path(source).read_bytes() if isinstance(source, str) else source.read()
        self.staged[f"{folder}/{name}"] = data
