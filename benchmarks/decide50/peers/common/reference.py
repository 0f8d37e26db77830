"""The reference: one event after another, with all memories in dictionaries."""

import json
from collections.abc import Iterable, Iterator

from common import naive, policies
from common.naive import Record


class Loop:
    """A run of its own."""

    def __init__(self, data: str) -> None:
        self._strategy = naive.Strategy(data)
        self._memories: dict[str, Record] = {}

    def run(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Decisions and dead letters, a line each, without their ends."""
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            try:
                found = self._step(naive.parse(line, self._strategy.config))
            except naive.NotAnEventError as error:
                found = naive.dead_letter(line, error)
            if found is not None:
                yield json.dumps(found).encode()

    def _step(self, event: Record) -> Record | None:
        strategy, customer = self._strategy, event["customer_id"]
        memory = self._memories.setdefault(customer, naive.nobody() | {"contacts": [], "pauses": {}})
        if not naive.observe(memory, event, strategy.config):
            return None
        naive.pause(memory["pauses"], event, strategy.config)
        if not naive.asks(event, strategy.config):
            return None
        inputs = naive.features(event, memory, strategy.customers[customer], strategy.config)
        free, policy = policies.available(event, memory, memory["contacts"], memory["pauses"], strategy)
        placements = policies.arbitrate(
            event, inputs, policies.propensities(free, inputs, strategy), strategy
        )
        memory["contacts"] = policies.contacted(memory["contacts"], event, placements, strategy)
        made = naive.decision(event, memory, placements, policy)
        memory["session"]["decisions"] += 1
        return made
