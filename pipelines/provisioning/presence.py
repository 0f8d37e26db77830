"""Whether what a job reads and writes is there, and is what it should be: asked before anything is read."""

import logging
from collections.abc import Callable, Mapping
from threading import Event

from google.api_core.exceptions import GoogleAPICallError, NotFound, ServerError, TooManyRequests
from google.pubsub_v1 import types
from requests import RequestException

from pipelines.locate import UsageError
from pipelines.provisioning.columns import differences
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.patience import Patience, refused
from pipelines.provisioning.resources import Resources

_LOGGER = logging.getLogger(__name__)

_CALL_S = 10.0
_TABLE_S = 5.0
_DELETED = "_deleted-topic_"
_BUSY = ("rateLimitExceeded", "quotaExceeded")


def await_topics(endpoints: Endpoints, topics: Mapping[str, str], stop: Event) -> bool:
    """Look at each, and wait for a Pub/Sub that is away; False: we were asked to stop before it answered.

    Args:
      endpoints: Where the service is.
      topics: Full names, by the flag or the like that named them.
      stop: Ends the waiting.

    Raises:
      UsageError: One is missing, or not ours.
    """
    with endpoints.publisher() as client:

        def look(name: str) -> None:
            client.get_topic(request={"topic": name}, retry=None, timeout=_CALL_S)

        return all(_look(look, name, said, stop) for said, name in topics.items())


def await_subscriptions(endpoints: Endpoints, subscriptions: Mapping[str, str], stop: Event) -> bool:
    """The same for subscriptions; they must be such that can be pulled.

    Raises:
      UsageError: One is missing or not ours, or nothing can be pulled from it.
    """
    with endpoints.subscriber() as client:

        def look(name: str) -> None:
            asked = {"subscription": name}
            _check_pulled(client.get_subscription(request=asked, retry=None, timeout=_CALL_S))

        return all(_look(look, name, said, stop) for said, name in subscriptions.items())


def check_tables(resources: Resources, endpoints: Endpoints) -> None:
    """See that the tables are there with the columns of our contracts.

    A BigQuery that is away is no reason not to decide: it is said, and nothing is checked.

    Raises:
      UsageError: One is missing or not ours, or lacks what we write.
    """
    client = endpoints.tables(resources.names.project)
    try:
        for table in resources.tables:
            name = resources.names.table(table.name)
            have = client.get_table(name, retry=None, timeout=_TABLE_S)  # type: ignore[arg-type]
            found = differences([column.to_api_repr() for column in have.schema], table.columns())
            if found:
                raise UsageError(
                    f"{name} is not as our contract has it: {'; '.join(found)}; `nextbeam provision --project "
                    f"{resources.names.project} --dataset {resources.names.dataset}` adds columns, or says what to do"
                )
    except (GoogleAPICallError, RequestException) as error:
        if not _away(error):
            raise refused(name, error) from error
        _LOGGER.warning("BigQuery does not answer (%s): its tables are not checked", type(error).__name__)
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _look(look: Callable[[str], None], name: str, said: str, stop: Event) -> bool:
    patience = Patience()
    while not stop.is_set():
        try:
            look(name)
        except GoogleAPICallError as error:
            try:
                pause = patience.after(error, name)
            except GoogleAPICallError:
                raise UsageError(f"{said}: {refused(name, error)}") from error
            stop.wait(pause)
        except UsageError as error:
            raise UsageError(f"{said}: {error}") from error
        else:
            patience.over(name)
            return True
    return False


def _check_pulled(have: types.Subscription) -> None:
    if have.topic == _DELETED:
        raise UsageError(f"{have.name} has lost its topic: delete the subscription, and make both anew")
    pushes = have.push_config.push_endpoint or have.bigquery_config.table or have.cloud_storage_config.bucket
    if pushes or have.detached:
        where = f"delivers to {pushes}" if pushes else "is detached"
        raise UsageError(f"{have.name} {where}, and nothing can be pulled from it: name one that is pulled")


def _away(error: Exception) -> bool:
    if isinstance(error, NotFound):
        return False
    reasons = [each.get("reason") for each in getattr(error, "errors", ())]
    busy = any(reason in _BUSY for reason in reasons)
    return busy or isinstance(error, ServerError | TooManyRequests | RequestException)
