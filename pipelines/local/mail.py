"""Messages of the local runner, in and out: Pub/Sub may be away for a while, and nothing is lost meanwhile."""

import time
from collections.abc import Sequence
from typing import Any

import grpc
from google.pubsub_v1 import types

from pipelines.provisioning.calls import acknowledge_call, batches, publish_call, pull_call
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.patience import Patience, api_error

_PULL = 1000
_NAP_S, _LONGEST_NAP_S = 0.002, 0.02
_CALL_S = 20.0


class Inbox:
    """One subscription, from pull to pull."""

    def __init__(self, subscription: str) -> None:
        client = Endpoints.from_environment().subscriber()
        self._pull, self._acknowledge = pull_call(client), acknowledge_call(client)
        self._subscription = subscription
        self._request = types.PullRequest.pb()(
            subscription=subscription, max_messages=_PULL, return_immediately=True
        )
        self._patience = Patience()
        self._nap = _NAP_S
        self._unacknowledged: list[str] = []
        self.heard = 0.0
        """When the service last answered, in seconds since the epoch."""

    def take(self) -> list[Any]:
        """Messages, as the protobuf has them; before that, those of the last time are acknowledged.

        None after a short sleep where there are none, or where the service is away.

        Raises:
          GoogleAPICallError: There is no hope.
        """
        try:
            received = self._next()
        except grpc.RpcError as error:
            time.sleep(self._patience.after(api_error(error), self._subscription))
            return []
        self._patience.over(self._subscription)
        if received:
            self._nap = _NAP_S
        else:
            time.sleep(self._nap)
            self._nap = min(2 * self._nap, _LONGEST_NAP_S)
        return [each.message for each in received]

    def _next(self) -> Sequence[Any]:
        """Each call once: tries of a client's own would hold up the pipeline."""
        if self._unacknowledged:
            done = types.AcknowledgeRequest.pb()(
                subscription=self._subscription, ack_ids=self._unacknowledged
            )
            self._acknowledge(done, timeout=_CALL_S)
            self._unacknowledged = []
        asked = time.time()
        received: Sequence[Any] = self._pull(self._request, timeout=_CALL_S).received_messages
        self._unacknowledged = [each.ack_id for each in received]
        self.heard = asked
        return received


class Outbox:
    """Publishes what bundles gather."""

    def __init__(self) -> None:
        client = Endpoints.from_environment().publisher()
        self._publish = publish_call(client)
        self._patience = Patience()

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Serialized `PubsubMessage`s, and again as long as Pub/Sub is away: a bundle that fails ends the job.

        What had been taken is published again, byte for byte: delivery is at least once.

        Raises:
          GoogleAPICallError: There is no hope.
        """
        make, message = types.PublishRequest.pb(), types.PubsubMessage.pb()
        for batch in batches(messages, map(len, messages)):
            self._send(make(topic=topic, messages=[message.FromString(each) for each in batch]))

    def _send(self, request: Any) -> None:
        while True:
            try:
                self._publish(request, timeout=_CALL_S)
            except grpc.RpcError as error:
                time.sleep(self._patience.after(api_error(error), request.topic))
            else:
                self._patience.over(request.topic)
                return
