"""customers.ndjson: who the customers are. Each is drawn from the hash of its own number."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.decide50.generate.draws import Draws, Ints
from benchmarks.decide50.generate.strategy import PRODUCTS, REGIONS, SEGMENTS, TIERS

_TIER_SHARES = (0.5, 0.3, 0.15, 0.05)
_CONSENTING = 0.8
_MOST_OWNED = 3


def name(number: int) -> str:
    """The customer's id."""
    return f"c{number:07d}"


def facts(draws: Draws, numbers: Ints) -> Iterator[dict[str, Any]]:
    """The attributes of customers by their numbers."""
    columns = (
        18 + draws.below("age", numbers, 67),
        draws.below("tenure", numbers, 180),
        draws.weighted("tier", numbers, _TIER_SHARES),
        draws.below("region", numbers, len(REGIONS)),
        draws.below("segment", numbers, len(SEGMENTS)),
        300 + draws.below("credit", numbers, 550),
        draws.uniform("consent", numbers) < _CONSENTING,
        draws.below("owned", numbers, _MOST_OWNED + 1),
    )
    # The products owned: the first of all, ordered by a draw of the customer's own.
    keys = [draws.uniform(f"owns {product}", numbers) for product in PRODUCTS]
    order = np.argsort(np.column_stack(keys), axis=1, kind="stable")[:, :_MOST_OWNED].tolist()
    rows = zip(numbers.tolist(), order, *(column.tolist() for column in columns), strict=True)
    for number, products, age, tenure, tier, region, segment, credit, consent, owned in rows:
        yield {
            "customer_id": name(number),
            "age": age,
            "tenure_months": tenure,
            "tier": TIERS[tier],
            "region": REGIONS[region],
            "segment": SEGMENTS[segment],
            "credit_score": credit,
            "consent_marketing": consent,
            "owned": sorted(PRODUCTS[product] for product in products[:owned]),
        }
