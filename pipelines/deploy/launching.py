"""Launch the template: the request is made of the job's flags, and sent only when asked."""

import json
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions
from google.auth.exceptions import GoogleAuthError
from requests import RequestException, Session

from pipelines.deploy.job_flags import JobFlags
from pipelines.deploy.settings import STATE_KEY, labels_of
from pipelines.deploy.template import stream_options
from pipelines.locate import UsageError

Body = dict[str, Any]

ENDPOINT = "https://dataflow.googleapis.com"
_TIMEOUT_S = 120

_ENVIRONMENT: dict[str, str] = {
    "temp_location": "tempLocation",
    "staging_location": "stagingLocation",
    "service_account_email": "serviceAccountEmail",
    "dataflow_kms_key": "kmsKeyName",
    "subnetwork": "subnetwork",
    "max_num_workers": "maxWorkers",
    "num_workers": "numWorkers",
    "machine_type": "machineType",
    "sdk_container_image": "sdkContainerImage",
}
"""Options of Beam, and what the API calls them."""
_ELSEWHERE = {
    "project",
    "region",
    "job_name",
    "runner",
    "streaming",
    "update",
    "transform_name_mapping",
    "labels",
    "use_public_ips",
    "experiments",
}
"""Options that are said at another place of the request."""


def launch_body(job: JobFlags, spec: str, *, validate_only: bool = False) -> Body:
    """The body of `projects.locations.flexTemplates.launch`.

    Args:
      job: Fit for Dataflow.
      spec: Where the container spec lies, `gs://...`.
      validate_only: Dataflow is to look at it only.

    Raises:
      UsageError: The place of the spec is no file in a bucket.
    """
    if not spec.startswith("gs://") or spec.endswith("/"):
        raise UsageError(f"--spec: {spec!r} is not gs://BUCKET/FILE")
    cloud = job.options.view_as(GoogleCloudOptions)
    parameter: Body = {
        "jobName": cloud.job_name,
        "containerSpecGcsPath": spec,
        "parameters": _parameters(job),
        "environment": _environment(job),
    }
    if cloud.update:
        parameter["update"] = True
        if cloud.transform_name_mapping:
            parameter["transformNameMappings"] = cloud.transform_name_mapping
    return {"launchParameter": parameter, "validateOnly": validate_only}


def _parameters(job: JobFlags) -> dict[str, str]:
    """Our own options, where they are not at their defaults; a template takes text only."""
    # Files of keys are here, and not where the template is launched.
    given = {**vars(job.ours), "plan_keys": ",".join(key.spki for key in job.config.keys)}
    return {
        action.dest: str(given[action.dest])
        for action in stream_options()
        if given[action.dest] not in (None, action.default)
    }


def _environment(job: JobFlags) -> Body:
    said = job.told
    made: Body = {name: said[option] for option, name in _ENVIRONMENT.items() if said.get(option)}
    # The launcher would add it itself; here it is seen by who approves.
    experiments = said.get("experiments") or []
    made["additionalExperiments"] = [*experiments, *([STATE_KEY] if STATE_KEY not in experiments else [])]
    labels = labels_of(said.get("labels"))
    if labels:
        made["additionalUserLabels"] = labels
    more = list(_pipeline_options(said))
    if more:
        made["additionalPipelineOptions"] = more
    return {
        **made,
        "ipConfiguration": "WORKER_IP_PRIVATE",
        "enableStreamingEngine": True,
        "streamingMode": "STREAMING_MODE_EXACTLY_ONCE",
    }


def _pipeline_options(said: dict[str, Any]) -> Iterator[str]:
    """What the operator has said to Beam and the API has no place for."""
    for name, value in sorted(said.items()):
        if name in _ENVIRONMENT or name in _ELSEWHERE:
            continue
        if isinstance(value, list):
            yield from (f"{name}={each}" for each in value)
        else:
            yield f"{name}={json.dumps(value) if isinstance(value, dict | bool) else value}"


def send(body: Body, project: str, region: str, session: Session, *, endpoint: str = ENDPOINT) -> str:
    """Launch, or validate, and return what came of it in a line.

    Args:
      body: As of `launch_body`.
      project: Whose job it is.
      region: Where it runs.
      session: With credentials.
      endpoint: Of Dataflow.

    Raises:
      UsageError: Dataflow refused it or did not answer.
    """
    url = f"{endpoint}/v1b3/projects/{project}/locations/{region}/flexTemplates:launch"
    try:
        answer = session.post(url, json=body, timeout=_TIMEOUT_S)
        said = answer.json()
    except (RequestException, GoogleAuthError) as error:
        raise UsageError(f"Dataflow does not answer: {error}") from error
    if not answer.ok:
        why = said.get("error", {}).get("message", answer.reason)
        raise UsageError(f"Dataflow refuses it ({answer.status_code}): {why}")
    if body["validateOnly"]:
        return "Dataflow finds nothing wrong with it"
    started = said.get("job", {}).get("id")
    if not started:
        raise UsageError(f"Dataflow says nothing of a job: {said}")
    return f"job {started}"


def default_session() -> Session:
    """With the credentials of this machine.

    Raises:
      UsageError: There are none.
    """
    import google.auth  # noqa: PLC0415  (only who sends needs it)
    from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415

    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except GoogleAuthError as error:
        raise UsageError(f"no credentials: {error}") from error
    session: Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session
