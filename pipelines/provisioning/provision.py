"""Everything that is described, created where it is missing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from pipelines.provisioning.columns import ProvisioningError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import Resources
from pipelines.provisioning.topics import Change, provision_topics

if TYPE_CHECKING:
    from pipelines.sql.limits import PlanLimit


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

    with _told(endpoints):
        changes = provision_topics(resources, endpoints, say)
        changes += provision_tables(resources, endpoints)
    for change in changes:
        say(f"{change.name}: {change.what}")
    return Changes(tuple(changes))


def provision_all(
    resources: Resources,
    endpoints: Endpoints,
    limits: "Sequence[PlanLimit]" = (),
    *,
    tables: bool = True,
    say: Callable[[str], None] = print,
) -> list[Change]:
    """Topics and, unless told otherwise, tables, views, and the limits of a plan; a second run changes nothing.

    Raises:
      ProvisioningError: As `provision`.
    """
    with _told(endpoints):
        changes = provision_topics(resources, endpoints, say)
        if tables:
            from pipelines.provisioning.tables import provision_tables  # noqa: PLC0415  (likewise)
            from pipelines.provisioning.views import provision_views, publish_limits  # noqa: PLC0415

            changes += provision_tables(resources, endpoints)
            changes += provision_views(resources, endpoints)
            if publish_limits(limits, resources, endpoints):
                name = f"limits of plan {limits[0].plan_digest}"
                changes.append(Change(name, f"{len(limits)} written"))
    return changes


@contextmanager
def _told(endpoints: Endpoints) -> Iterator[None]:
    """What servers refuse, as a sentence."""
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        places = (
            f"Pub/Sub {endpoints.pubsub or 'in the cloud'}, BigQuery {endpoints.bigquery or 'in the cloud'}"
        )
        raise ProvisioningError(f"cannot provision ({places}): {error}") from error
