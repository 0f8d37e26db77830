"""Clients of Pub/Sub and BigQuery: of the cloud, or of the emulators at the addresses given."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1.publisher.client import Client as PublisherClient
from google.cloud.pubsub_v1.subscriber.client import Client as SubscriberClient
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from pipelines.locate import UsageError
from pipelines.place import BIGQUERY_EMULATOR, PUBSUB_EMULATOR

if TYPE_CHECKING:
    from google.cloud.bigquery import Client as TableClient

Client = TypeVar("Client")

_URL = re.compile(r"https?://[^/\s]+/?")
_HOST = re.compile(r"[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+", re.ASCII)
_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # An emulator that was away for half a minute would not be looked for again for another.
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


@dataclass(frozen=True)
class Endpoints:
    """Where the servers are.

    `pubsub` is `host:port` and `bigquery` is `http://host:port` of an emulator; None: the cloud, with its default
    credentials.
    """

    pubsub: str | None = None
    bigquery: str | None = None

    @classmethod
    def from_environment(cls) -> "Endpoints":
        """Those that PUBSUB_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST name, as Google's own clients do.

        Raises:
          UsageError: An address is not in the form that the client needs.
        """
        pubsub, bigquery = os.environ.get(PUBSUB_EMULATOR), os.environ.get(BIGQUERY_EMULATOR)
        if pubsub and not _HOST.fullmatch(pubsub):
            raise UsageError(f"{PUBSUB_EMULATOR}: {pubsub!r} is not HOST:PORT; write e.g. 127.0.0.1:8085")
        if bigquery and not _URL.fullmatch(bigquery):
            raise UsageError(
                f"{BIGQUERY_EMULATOR}: {bigquery!r} is not http://HOST:PORT; write e.g. http://127.0.0.1:9050"
            )
        return cls(pubsub=pubsub or None, bigquery=bigquery or None)

    def publisher(self, **options: Any) -> PublisherClient:
        """A client to publish, and to manage topics; `options` as of `PublisherClient`.

        Raises:
          UsageError: There are no credentials for the cloud; so for all clients.
        """
        return _made(lambda: PublisherClient(**options, **self._transport(PublisherGrpcTransport)))

    def subscriber(self, **options: Any) -> SubscriberClient:
        """A client to pull, and to manage subscriptions."""
        return _made(lambda: SubscriberClient(**options, **self._transport(SubscriberGrpcTransport)))

    def schemas(self) -> SchemaServiceClient:
        """A client to manage Pub/Sub schemas."""
        return _made(lambda: SchemaServiceClient(**self._transport(SchemaServiceGrpcTransport)))

    def tables(self, project: str) -> "TableClient":
        """A client of BigQuery."""
        # It is half of what there is to import, and who only reads topics needs none of it.
        from google.cloud.bigquery import Client as TableClient  # noqa: PLC0415

        if self.bigquery is None:
            return _made(lambda: TableClient(project=project))
        return TableClient(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=ClientOptions(api_endpoint=self.bigquery),
        )

    def _transport(self, transport: type[Any]) -> dict[str, Any]:
        """Without TLS and credentials to an emulator; the environment is left alone."""
        if self.pubsub is None:
            return {}
        return {"transport": transport(channel=grpc.insecure_channel(self.pubsub, options=_CHANNEL))}


def _made(make: Callable[[], Client]) -> Client:
    try:
        return make()
    except GoogleAuthError as error:
        raise UsageError(
            "no credentials for Google Cloud: say `gcloud auth application-default login`, "
            f"or name emulators by {PUBSUB_EMULATOR} and {BIGQUERY_EMULATOR}"
        ) from error
