"""Which actions may be offered, and which are: rules and caps looked up anew for each action. Part of naive.py."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from common.naive import DAY, Record, Strategy

WINDOWS = (DAY, 7 * DAY, 30 * DAY)
OPERATORS: Mapping[str, Any] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, values: value in values,
    "has": operator.contains,
    "has_not": lambda values, value: value not in values,
}


def facts(event: Record, memory: Record, person: Record) -> Record:
    """All that engagement rules may ask for."""
    session = memory["session"]
    return {
        **person,
        "brand": event["brand"],
        "channel": event["channel"],
        "device": event["attributes"]["device"],
        "hour": int(event["t"] / 3600 % 24),
        "n_events": session["events"],
        "dwell_s": session["dwell_ms"] / 1000,
        "cart_value": session["cart"],
        "n_product_view": session["counts"]["product_view"],
        "n_search": session["counts"]["search"],
    }


def holds(rule: Record, known: Record) -> bool:
    """Whether a rule is true of what is known."""
    if "all" in rule:
        return all(holds(part, known) for part in rule["all"])
    if "any" in rule:
        return any(holds(part, known) for part in rule["any"])
    return bool(OPERATORS[rule["op"]](known[rule["f"]], rule["v"]))


def refusal(
    action: Record, event: Record, contacts: Sequence[Record], pauses: dict[str, float], strategy: Strategy
) -> str:
    """The first contact policy that keeps an action from the customer; empty: none does."""
    config, now = strategy.config, event["t"]
    if pauses.get(action["id"], 0.0) > now:
        return "suppressed"
    scopes = (
        ("capped_action", "action", action["id"], action["caps"]),
        ("capped_group", "group", action["group"], config["group_caps"]),
        ("capped_channel", "channel", event["channel"], config["channel_caps"]),
    )
    for reason, field, value, caps in scopes:
        ages = [now - made["t"] for made in contacts if made[field] == value]
        for most, window in zip(caps, WINDOWS, strict=True):
            if len([age for age in ages if age < window]) >= most:
                return reason
    return ""


def available(
    event: Record, memory: Record, contacts: Sequence[Record], pauses: dict[str, float], strategy: Strategy
) -> tuple[list[int], Record]:
    """Indexes of the actions that may be offered, and how many each policy refused."""
    actions = strategy.config["actions"]
    known = facts(event, memory, strategy.customers[event["customer_id"]])
    policy = {"candidates": len(actions)} | dict.fromkeys(
        ("ineligible", "suppressed", "capped_action", "capped_group", "capped_channel"), 0
    )
    free = []
    for index, action in enumerate(actions):
        if not holds(action["eligible_if"], known):
            policy["ineligible"] += 1
        elif reason := refusal(action, event, contacts, pauses, strategy):
            policy[reason] += 1
        else:
            free.append(index)
    return free, policy


def propensities(free: Sequence[int], inputs: list[float], strategy: Strategy) -> dict[int, float]:
    """What each action's model says."""
    return {index: float(strategy.models[index].predict_proba([inputs])[0, 1]) for index in free}


def arbitrate(
    event: Record, inputs: list[float], scores: dict[int, float], strategy: Strategy
) -> list[Record]:
    """Fill the page's placements in order, each from the actions left, the highest priority first."""
    actions, channel = strategy.config["actions"], event["channel"]
    priorities = {
        index: score
        * actions[index]["context_weight"][channel]
        * actions[index]["value"]
        * actions[index]["lever"]
        for index, score in scores.items()
    }
    left = sorted(priorities, key=lambda index: (-priorities[index], index))
    filled = []
    for name, slots in strategy.config["page_placements"][event["page"]]:
        chosen = [index for index in left if name in actions[index]["placements"]][:slots]
        left = [index for index in left if index not in chosen]
        offers = [
            {
                "action": actions[index]["id"],
                "rank": rank,
                "propensity": round(scores[index], 6),
                "context": actions[index]["context_weight"][channel],
                "value": actions[index]["value"],
                "lever": actions[index]["lever"],
                "priority": round(priorities[index], 6),
                "reasons": reasons(index, inputs, strategy),
            }
            for rank, index in enumerate(chosen, 1)
        ]
        filled.append({"placement": name, "offers": offers})
    return filled


def reasons(index: int, inputs: list[float], strategy: Strategy) -> list[str]:
    """The two features that speak most for an action."""
    parts = strategy.weights[index] * np.array(inputs)
    return [strategy.config["features"][place] for place in np.argsort(-parts, kind="stable")[:2]]


def contacted(
    contacts: Sequence[Record], event: Record, placements: list[Record], strategy: Strategy
) -> list[Record]:
    """The contacts of the last thirty days, and what is offered now."""
    now, names = event["t"], strategy.group_of
    kept = [made for made in contacts if now - made["t"] < WINDOWS[-1]]
    offered = [offer["action"] for placement in placements for offer in placement["offers"]]
    return kept + [
        {"t": now, "action": name, "group": names[name], "channel": event["channel"]} for name in offered
    ]
