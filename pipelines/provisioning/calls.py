"""Bare calls of Pub/Sub: protobuf messages over a client's channel and with its credentials, and nothing around them.

Google's classes for messages cost more than the messages; where hundreds a second pass, that is what there is to save.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from google.pubsub_v1 import types

Item = TypeVar("Item")

MOST_MESSAGES, MOST_BYTES = 500, 4_000_000
"""Of one request to publish; the service takes twice as much."""


def publish_call(client: Any) -> Callable[..., Any]:
    """`Publish` of a publisher's client: takes a `PublishRequest`."""
    return _call(client, "Publisher/Publish", types.PublishRequest, types.PublishResponse)


def pull_call(client: Any) -> Callable[..., Any]:
    """`Pull` of a subscriber's client: takes a `PullRequest`."""
    return _call(client, "Subscriber/Pull", types.PullRequest, types.PullResponse)


def acknowledge_call(client: Any) -> Callable[..., Any]:
    """`Acknowledge` of a subscriber's client: takes an `AcknowledgeRequest`."""
    return _call(client, "Subscriber/Acknowledge", types.AcknowledgeRequest, _empty())


def extend_call(client: Any) -> Callable[..., Any]:
    """`ModifyAckDeadline` of a subscriber's client: takes a `ModifyAckDeadlineRequest`."""
    return _call(client, "Subscriber/ModifyAckDeadline", types.ModifyAckDeadlineRequest, _empty())


def batches(items: Sequence[Item], sizes: Iterable[int]) -> Iterator[Sequence[Item]]:
    """What one request may hold at a time; an item that is larger than that goes alone.

    Args:
      items: In their order.
      sizes: Of each, in bytes.
    """
    start = size = 0
    for end, more in enumerate(sizes):
        if end > start and (end - start >= MOST_MESSAGES or size + more > MOST_BYTES):
            yield items[start:end]
            start, size = end, 0
        size += more
    if start < len(items):
        yield items[start:]


def _call(client: Any, method: str, request: Any, response: Any) -> Callable[..., Any]:
    answer = response if hasattr(response, "FromString") else response.pb()
    call: Callable[..., Any] = client.transport.grpc_channel.unary_unary(
        f"/google.pubsub.v1.{method}",
        request_serializer=request.pb().SerializeToString,
        response_deserializer=answer.FromString,
    )
    return call


def _empty() -> Any:
    from google.protobuf.empty_pb2 import Empty  # noqa: PLC0415  (its name is made when it is imported)

    return Empty
