"""How large the states of customers become, from the signals that were sent."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from models.folds import advance
from models.plan.compiled import Plan
from pipelines.live.wire import Message
from schemas import Signal


class Heard:
    """Remembers the payloads that pass."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def __call__(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Remember, and hand on."""
        self.payloads.extend(data for data, _ in messages)
        return messages

    def states(self, plan: Plan) -> Iterator[tuple[str, int]]:
        """Signal by signal, the customer and the bytes of the state after it, as a job keeps it.

        What channels answered is not in it, and signals are folded as they were sent; what cannot be read is left out.
        """
        fold = plan.decide_fold()
        kept: dict[str, Any] = {}
        for payload in self.payloads:
            try:
                event = msgspec.json.decode(payload, type=Signal)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            before = kept.get(event.customer_id) or fold.initial()
            kept[event.customer_id], _ = advance(fold, before, event)
            yield event.customer_id, len(fold.encode(kept[event.customer_id]))
