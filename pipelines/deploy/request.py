"""The whole request that would start a job on Dataflow, built without a cloud: nothing is sent and nothing staged."""

import io
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import TestOptions
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.internal.names import STAGED_PIPELINE_FILENAME

from pipelines.deploy.job_flags import JobFlags
from pipelines.launch import checked_plan
from pipelines.locate import find_plan
from pipelines.streaming import start
from transforms.plan_source import standing_in


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
    with no_network(), standing_in(config.plan, checked_plan(find_plan(plan))):
        job: apiclient.Job = start(config, options).job  # type: ignore[attr-defined]
        job.options.view_as(TestOptions).dry_run = False
        client = _Unsent(job)
        client.create_job_description(job)
    graph = beam_api.Pipeline.FromString(client.staged[_graph_of(client.staged)])
    return JobRequest(json.loads(job.json()), graph, client.staged)


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


class NetworkUsedError(RuntimeError):
    """Something wanted to reach another machine while the network was off."""


@contextmanager
def no_network() -> Iterator[None]:
    """Within, nothing in this process reaches another machine."""
    before = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    lookup = socket.getaddrinfo

    def refuse(*to: Any, **_: Any) -> NoReturn:
        raise NetworkUsedError(f"the network is off, and {to[-1]!r} was asked for")

    for name in before:
        setattr(socket.socket, name, refuse)
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.getaddrinfo = lookup
        for name, method in before.items():
            setattr(socket.socket, name, method)
