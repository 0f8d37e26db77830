"""Clients of Pub/Sub and BigQuery: of the cloud, or of the emulators at the addresses given."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.pubsub_v1.publisher.client import Client as PublisherClient
from google.cloud.pubsub_v1.subscriber.client import Client as SubscriberClient
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

if TYPE_CHECKING:
    from google.cloud.bigquery import Client as TableClient

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
        """Those that PUBSUB_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST name, as Google's own clients do."""
        return cls(
            pubsub=os.environ.get("PUBSUB_EMULATOR_HOST") or None,
            bigquery=os.environ.get("BIGQUERY_EMULATOR_HOST") or None,
        )

    def publisher(self, **options: Any) -> PublisherClient:
        """A client to publish, and to manage topics; `options` as of `PublisherClient`."""
        return PublisherClient(**options, **self._transport(PublisherGrpcTransport))

    def subscriber(self, **options: Any) -> SubscriberClient:
        """A client to pull, and to manage subscriptions."""
        return SubscriberClient(**options, **self._transport(SubscriberGrpcTransport))

    def schemas(self) -> SchemaServiceClient:
        """A client to manage Pub/Sub schemas."""
        return SchemaServiceClient(**self._transport(SchemaServiceGrpcTransport))

    def tables(self, project: str) -> "TableClient":
        """A client of BigQuery."""
        # It is half of what there is to import, and who only reads topics needs none of it.
        from google.cloud.bigquery import Client as TableClient  # noqa: PLC0415

        if self.bigquery is None:
            return TableClient(project=project)
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
