"""How far the counters of a job have grown, from Cloud Monitoring."""

import re
from typing import Any

from google.auth.exceptions import GoogleAuthError
from requests import RequestException, Session

from models.releases.growth import Growth
from pipelines.locate import UsageError

ENDPOINT = "https://monitoring.googleapis.com"
_TIMEOUT_S = 60
_JOB = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def growth_query(job: str, seconds: int) -> str:
    """PromQL: by metric, how far all counters of a job of this name have grown.

    Dataflow's counters are gauges to Cloud Monitoring, so `delta`; and a job that takes the place of another under its
    name begins series of its own, so that what the old one counted is not taken for its loss.

    Raises:
      UsageError: It is no name of a job.
    """
    if not _JOB.fullmatch(job):
        raise UsageError(f"{job!r} is no name of a job")
    counter = '"dataflow.googleapis.com/job/user_counter", monitored_resource="dataflow_job"'
    return f'sum by (metric_name) (delta({{{counter}, job_name="{job}"}}[{seconds}s]))'


def growth(session: Session, project: str, job: str, seconds: int, *, endpoint: str = ENDPOINT) -> Growth:
    """How far each counter of a job has grown in the last so many seconds.

    Raises:
      UsageError: Cloud Monitoring did not answer, or not with figures.
    """
    url = f"{endpoint}/v1/projects/{project}/location/global/prometheus/api/v1/query"
    try:
        answer = session.post(url, data={"query": growth_query(job, seconds)}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return _figures(answer.json())
    except (RequestException, GoogleAuthError) as error:
        raise UsageError(f"Cloud Monitoring does not answer: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UsageError(f"Cloud Monitoring answers what is no vector: {error!r}") from error


def _figures(said: dict[str, Any]) -> Growth:
    if said["status"] != "success" or said["data"]["resultType"] != "vector":
        raise ValueError(said.get("error", said["status"]))
    return {each["metric"]["metric_name"]: float(each["value"][1]) for each in said["data"]["result"]}
