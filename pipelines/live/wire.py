"""Messages to topics and from subscriptions, a batch at a time.

One call of the service carries many messages, and nothing is made of them but what they hold: what runs beside a
pipeline on one machine must leave the processor to it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any, NamedTuple

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import types

from pipelines.provisioning.calls import acknowledge_call, batches, extend_call, publish_call, pull_call
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.patience import Patience, api_error, refused

Message = tuple[bytes, dict[str, str]]
"""Payload and attributes."""

_MOST_IDS = 1_000
_CALL_S, _PULL_S = 20.0, 3.0


class Received(NamedTuple):
    """One message that was pulled."""

    ack_id: str
    data: bytes
    attributes: dict[str, str]
    published: float
    """Seconds since the epoch, by the clock of the service."""


class StoppedError(Exception):
    """We were asked to stop before the service answered."""


class _Calls:
    """Calls of the service about one thing, tried again while there is hope."""

    def __init__(self, name: str, stop: Event) -> None:
        self._name, self._stop = name, stop
        self._patience = Patience()

    def __call__(self, call: Callable[..., Any], request: Any, *, limit_s: float = _CALL_S) -> Any:
        """The answer; None where nothing came in the time that a pull waits.

        Raises:
          StoppedError: Before that we were asked to stop.
          UsageError: There is no such thing, or it is not ours.
        """
        while True:
            try:
                answer = call(request, timeout=limit_s)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and limit_s == _PULL_S:
                    return None
                self._wait(api_error(error))
            else:
                self._patience.over(self._name)
                return answer

    def _wait(self, error: GoogleAPICallError) -> None:
        try:
            pause = self._patience.after(error, self._name)
        except GoogleAPICallError:
            raise refused(self._name, error) from error
        if self._stop.wait(pause):
            raise StoppedError


class Topic:
    """Publishes to one topic, and waits until the service has what was published.

    Args:
      endpoints: Where the service is.
      name: `projects/PROJECT/topics/TOPIC`.
      stop: Ends waiting for a service that does not answer.
    """

    def __init__(self, endpoints: Endpoints, name: str, stop: Event) -> None:
        self._name, self._call = name, _Calls(name, stop)
        self._client = endpoints.publisher()
        self._publish = publish_call(self._client)

    def publish(self, messages: Sequence[Message]) -> None:
        """All of them, in as few calls as possible; tried again until the service has them.

        Raises:
          StoppedError: Before that we were asked to stop.
          UsageError: There is no such topic, or it is not ours.
        """
        make = types.PublishRequest.pb()
        for batch in batches(messages, (len(data) for data, _ in messages)):
            request = make(topic=self._name)
            for data, attributes in batch:
                request.messages.add(data=data, attributes=attributes)
            self._call(self._publish, request)


class Subscription:
    """Pulls from one subscription; what is not acknowledged comes again.

    Args:
      endpoints: Where the service is.
      name: `projects/PROJECT/subscriptions/SUBSCRIPTION`.
      stop: Ends waiting for a service that does not answer.
    """

    def __init__(self, endpoints: Endpoints, name: str, stop: Event) -> None:
        self._name, self._call = name, _Calls(name, stop)
        self._client = client = endpoints.subscriber()
        self._pull, self._acknowledge = pull_call(client), acknowledge_call(client)
        self._extend = extend_call(client)

    def pull(self, most: int = 1_000) -> list[Received]:
        """What there is; waits a few seconds if there is nothing.

        Raises:
          StoppedError: We were asked to stop.
          UsageError: There is no such subscription, or it is not ours.
        """
        request = types.PullRequest.pb()(subscription=self._name, max_messages=most)
        answer = self._call(self._pull, request, limit_s=_PULL_S)
        if answer is None:
            return []
        return [
            Received(
                each.ack_id,
                each.message.data,
                dict(each.message.attributes),
                each.message.publish_time.seconds + each.message.publish_time.nanos / 1e9,
            )
            for each in answer.received_messages
        ]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """They need not come again."""
        for ids in _slices(ack_ids):
            request = types.AcknowledgeRequest.pb()(subscription=self._name, ack_ids=ids)
            self._call(self._acknowledge, request)

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """They shall not come again for so long."""
        for ids in _slices(ack_ids):
            request = types.ModifyAckDeadlineRequest.pb()(
                subscription=self._name, ack_ids=ids, ack_deadline_seconds=seconds
            )
            self._call(self._extend, request)


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _MOST_IDS] for start in range(0, len(ids), _MOST_IDS))


def pulled(subscription: Subscription, stop: Event, *, pause_s: float) -> Iterator[list[Received]]:
    """Batches until we are asked to stop; a pause after each gathers more for the next, unless there is a backlog."""
    most = 1_000
    while not stop.is_set():
        started = time.monotonic()
        try:
            batch = subscription.pull(most)
        except StoppedError:
            return
        if batch:
            yield batch
        if len(batch) < 100:  # the emulator's largest answer
            stop.wait(max(0.0, started + pause_s - time.monotonic()))
