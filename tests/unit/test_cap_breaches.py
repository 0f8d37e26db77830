"""The view `cap_breaches` against an oracle that knows contacts as they were made, and tries every window."""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
from contact_oracle import Oracle
from contact_worlds import World, policy
from test_contact_policy import LIMITS, SUPPRESSIONS, WEIGHTS, choices, happening

from pipelines.locate import OUTPUTS
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit, plan_limits
from pipelines.sql.local import create_limits, create_views, prepare
from schemas import Decision, Feedback
from schemas.arrow import arrow_schema
from schemas.rows import rows

SEEDS = 200
AMPLE = {"at_most": 100, "per": "60s", "each": "customer"}
"""In every plan, so that all of them hear answers for as long."""

Breaches = Counter[tuple[str, str]]
"""How many offers of a decision broke a limit."""


class Life:
    """A history decided under some limits, and what other limits would have said of it."""

    def __init__(self, seed: int) -> None:
        choose = Random(seed).choice
        # Only changes to one ledger have an order: contacts of a household are in one where its plan counts them.
        table = {**LIMITS, "whose": ["customer", "household"] if seed % 2 else ["customer"]}
        ample = {**AMPLE, "whose": table["whose"][-1]}
        kept = [choices(table, choose) for _ in range(choose([0, 0, 1, 2]))]
        paused = [choices(SUPPRESSIONS, choose) for _ in range(choose([0, 1]))]
        other = [choices(table, choose) for _ in range(4)] + [{**each, "at_most": 1} for each in kept]
        self.seed = seed
        self.kept = policy([ample, *kept], paused)
        self.other = policy([ample, *other], [])
        self.records: list[Decision | Feedback] = []
        self.expected: Breaches = Counter()
        self._live([happening(choose(WEIGHTS), choose) for _ in range(40)])

    def _live(self, history: Sequence[tuple[Any, ...]]) -> None:
        world = World(self.kept)
        world.oracle = Oracle(self.other)
        apply = world.apply

        def noted(event: Any) -> list[Any]:
            outputs = apply(event)
            self.records += [each for each in outputs if isinstance(each, Decision | Feedback)]
            return outputs

        world.apply = noted
        for decision in world.run(history):
            self.expected.update((self._own(decision.decision_id), rule) for rule in world.broken(decision))

    def _own(self, name: str | None) -> str | None:
        return name and f"{self.seed} {name}"

    def rows(self, kind: type[Decision] | type[Feedback], digest: str) -> Iterator[dict[str, Any]]:
        """The records as rows, under names of this life alone."""
        for record in self.records:
            if isinstance(record, kind):
                named = ["decision_id", "customer_id", "household_id", "feedback_id"]
                own = {name: self._own(getattr(record, name)) for name in named if hasattr(record, name)}
                yield rows(kind)(msgspec.structs.replace(record, plan_digest=digest, **own))

    def limits(self) -> list[PlanLimit]:
        return [*plan_limits(self.kept, f"kept {self.seed}"), *plan_limits(self.other, f"other {self.seed}")]


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return [Life(seed) for seed in range(SEEDS)]


def found(lives: list[Life], plan: str) -> Breaches:
    """What the view says of all lives, had they been decided by this plan."""
    with duckdb.connect() as connection:
        prepare(connection)
        for name, contract in OUTPUTS.items():
            lines = [
                row
                for life in lives
                if contract in (Decision, Feedback)
                for row in life.rows(contract, f"{plan} {life.seed}")
            ]
            table = pa.Table.from_pylist(lines, schema=arrow_schema(contract))
            connection.register(f"{name}_rows", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")
        create_limits(connection, [limit for life in lives for limit in life.limits()])
        create_views(connection, ["cap_breaches"], [*OUTPUTS, PLAN_LIMITS])
        sql = "SELECT decision_id, limit_id, count(*) FROM cap_breaches GROUP BY ALL"
        return Counter({(decision, limit): n for decision, limit, n in connection.execute(sql).fetchall()})


def test_the_plan_that_decided_is_never_broken_but_by_what_was_under_way(lives):
    committed = {
        f"{life.seed} {limit.id}"
        for life in lives
        for limit in life.kept.contact.limits
        if limit.counts == "committed"
    }
    broken = {f"{decision.split()[0]} {limit}" for decision, limit in found(lives, "kept")}
    assert broken <= committed


def test_another_plan_is_broken_where_the_oracle_says_so(lives):
    expected: Breaches = Counter()
    for life in lives:
        expected += life.expected
    assert sum(expected.values()) > 1000
    assert found(lives, "other") == expected
