"""Everything that is described, created where it is missing."""

from collections.abc import Callable
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from pipelines.provisioning.columns import ProvisioningError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import Resources
from pipelines.provisioning.topics import Change, provision_topics


@dataclass(frozen=True)
class Changes:
    """What a run created or brought into line, in order; empty if all was there."""

    of: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.of)


def provision(resources: Resources, endpoints: Endpoints, *, say: Callable[[str], None] = print) -> Changes:
    """Create what is missing and add the columns that tables lack; a second run changes nothing.

    Raises:
      ProvisioningError: Something there differs and cannot be changed without harm, or a server does not answer.
    """
    from pipelines.provisioning.tables import provision_tables  # noqa: PLC0415  (BigQuery takes long to import)

    try:
        changes = provision_topics(resources, endpoints, say)
        changes += provision_tables(resources, endpoints)
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        places = (
            f"Pub/Sub {endpoints.pubsub or 'in the cloud'}, BigQuery {endpoints.bigquery or 'in the cloud'}"
        )
        raise ProvisioningError(f"cannot provision ({places}): {error}") from error
    for change in changes:
        say(f"{change.name}: {change.what}")
    return Changes(tuple(changes))
