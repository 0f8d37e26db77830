"""Send a heartbeat, wait for its answer, and say how long it took."""

import time
from threading import Event, Timer
from typing import NamedTuple
from uuid import uuid4

import msgspec

from models.observability.heartbeats import SCHEDULED, SENDER, TYPE
from models.times import moment
from pipelines.live.wire import Received, StoppedError, Subscription, Topic
from pipelines.provisioning.endpoints import Endpoints
from schemas import Heartbeat, Signal
from schemas.routing import TRACE

_PAUSE_S = 0.1
_FORGOTTEN_S = 300.0
"""After that nobody waits for an answer any more."""


class Beat(NamedTuple):
    """One heartbeat: sent, and answered or not."""

    heartbeat_id: str
    answer: Heartbeat | None
    age_ms: float | None
    """From our call to publish to the answer in our hands."""


class Heart:
    """Sends heartbeats and hears the answers.

    Several may beat at once on one subscription: each gives back what is not its own.

    Args:
      endpoints: Where Pub/Sub is.
      topic: Full name of the topic that signals are published to.
      subscription: Full name of a subscription to the topic of answers.
      sender: Who sends; each sender's state is its own.
    """

    def __init__(self, endpoints: Endpoints, topic: str, subscription: str, sender: str = "cli") -> None:
        self._stop = Event()
        self._topic = Topic(endpoints, topic, self._stop)
        self._answers = Subscription(endpoints, subscription, self._stop)
        self._sender = f"{SENDER}{sender}"

    def beat(self, timeout_s: float) -> Beat:
        """One heartbeat, and its answer if it comes in time.

        Raises:
          UsageError: A topic or subscription is not there, or not ours.
        """
        name = uuid4().hex
        self._stop.clear()
        limit = Timer(timeout_s, self._stop.set)
        limit.start()
        try:
            return self._beat(name)
        except StoppedError:
            return Beat(name, None, None)
        finally:
            limit.cancel()

    def _beat(self, name: str) -> Beat:
        began_s = time.time()
        self._topic.publish([(self._payload(name, began_s), {TRACE: f"00-{name}-{name[:16]}-01"})])
        while not self._stop.is_set():
            for received in self._answers.pull():
                if self._is(name, received):
                    answer = msgspec.json.decode(received.data, type=Heartbeat)
                    return Beat(name, answer, (time.time() - began_s) * 1e3)
            self._stop.wait(_PAUSE_S)
        return Beat(name, None, None)

    def _is(self, name: str, received: Received) -> bool:
        """Whether an answer is ours; if not, who waits for it gets it."""
        found = received.attributes.get("heartbeat_id")
        if found in (name, SCHEDULED) or received.published < time.time() - _FORGOTTEN_S:
            self._answers.acknowledge([received.ack_id])
        else:
            self._answers.extend([received.ack_id], 0)
        return found == name

    def _payload(self, name: str, now_s: float) -> bytes:
        signal = Signal(
            signal_id=name,
            customer_id=self._sender,
            occurred_at=moment(int(now_s * 1e6)),
            type=TYPE,
            channel="heartbeat",
            brand="heartbeat",
        )
        return msgspec.json.encode(signal)
