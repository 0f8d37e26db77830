"""decide-50 in our own words: its strategy file as a plan, its weights as a model. No code decides anything here."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models.propensity.artifact import Manifest, save, seal

PROFILE_AND_REQUEST = {
    "brand": "request.brand",
    "channel": "request.channel",
    "device": "request.attributes.device",
    "hour": "request.hour",
    "n_events": "session.events",
    "cart_value": "feature.cart_value",
    "n_product_view": "feature.n_product_view",
    "n_search": "feature.n_search",
}
WINDOWS = ("1d", "7d", "30d")


def write_plan(data: Path, folder: Path) -> Path:
    """Write plan.yaml and its model next to it; returns the plan's folder."""
    config = json.loads((data / "config.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    arrays = np.load(data / "models.npz")
    manifest = Manifest(
        kind="linear",
        features=tuple(config["features"]),
        actions=tuple(action["id"] for action in config["actions"]),
    )
    save(seal(manifest, {"weights": arrays["W"], "bias": arrays["b"]}), folder / "model")
    text = yaml.safe_dump(plan(config), sort_keys=False, width=110)
    (folder / "plan.yaml").write_text(text)
    return folder


def plan(config: Mapping[str, Any]) -> dict[str, Any]:
    """The strategy as a plan."""
    return {
        "plan": "nextbeam/1",
        "name": "decide-50",
        "time_zone": "UTC",
        "brands": config["brands"],
        "channels": {name: {"direction": "inbound"} for name in config["channels"]},
        "vocabulary": _vocabulary(config),
        "session": {"gap": f"{config['session_gap_s']}s"},
        "dedupe": {"keep": config["dedupe_last"]},
        "features": list(_features(config)),
        "placements": {
            name: {"slots": slots} for page in config["page_placements"].values() for name, slots in page
        },
        "triggers": [
            {
                "id": f"page-{page}",
                "when": f"signal.type == 'page_view' and signal.page == '{page}'",
                "placements": [name for name, _ in placements],
            }
            for page, placements in config["page_placements"].items()
        ],
        "issues": {"sell": {}},
        "groups": {name: {"issue": "sell"} for name in config["groups"]},
        "actions": [_action(action) for action in config["actions"]],
        "contact": {
            "suppressions": [_suppression(*item) for item in config["suppress_days"].items()],
            "limits": list(_limits(config)),
            "keep": 1024,
        },
        "arbitration": {"reasons": 2},
        "model": {"path": "model"},
    }


def _vocabulary(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "signal_types": [*config["types"], "profile"],
        "pages": config["pages"],
        "page_required": True,
        "attributes": {
            "device": {"type": "string", "one_of": config["devices"], "required": True},
            "dwell_ms": {"type": "number", "minimum": 0, "required": True},
            "value": {"type": "number"},
            "action": {"type": "string"},
            "product": {"type": "string"},
        },
        "customer": {
            "age": {"type": "integer"},
            "tenure_months": {"type": "integer"},
            "tier": {"type": "string", "one_of": config["tiers"]},
            "region": {"type": "string", "one_of": config["regions"]},
            "segment": {"type": "string", "one_of": config["segments"]},
            "credit_score": {"type": "integer"},
            "consent_marketing": {"type": "boolean"},
            "owned": {"type": "strings", "one_of": config["ownable"]},
        },
    }


def _features(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    log = {"log1p": True}
    session = {"window": "session"}
    for name in config["types"]:
        where = f"signal.type == '{name}'"
        yield {"name": f"n_{name}", "kind": "count", "where": where, "transform": log, **session}
    for name in config["types"]:
        where = f"signal.type == '{name}'"
        yield {
            "name": f"recent_{name}",
            "kind": "recency",
            "where": where,
            "time_constant": "600s",
            **session,
        }
    yield {"name": "n_events", "kind": "count", "transform": log, **session}
    yield {"name": "session_s", "kind": "session_age", "transform": log}
    seconds = {"scale": 0.001, "log1p": True}
    yield {
        "name": "dwell",
        "kind": "sum",
        "of": "signal.attributes.dwell_ms",
        "transform": seconds,
        **session,
    }
    yield {
        "name": "cart_value",
        "kind": "balance",
        "of": "signal.attributes.value",
        "add": "signal.type == 'add_to_cart'",
        "subtract": "signal.type == 'remove_from_cart'",
        "reset": "signal.type == 'checkout'",
        "transform": log,
        **session,
    }
    yield {"name": "n_sessions", "kind": "session_number", "transform": log}
    pages = ", ".join(f"'{page}'" for page in config["page_placements"])
    asks = f"signal.type == 'page_view' and signal.page in ({pages})"
    yield {
        "name": "n_decisions",
        "kind": "count",
        "where": asks,
        "previous": True,
        "transform": log,
        **session,
    }
    for page in config["pages"]:
        where = f"signal.page == '{page}'"
        fifth = {"scale": 0.2}
        yield {
            "name": f"page_{page}",
            "kind": "count",
            "where": where,
            "last": 5,
            "transform": fifth,
            **session,
        }
    yield {"name": "brand", "kind": "one_hot", "of": "signal.brand", "values": config["brands"]}
    yield {"name": "channel", "kind": "one_hot", "of": "signal.channel", "values": config["channels"]}
    yield {"name": "device", "kind": "one_hot", "of": "signal.attributes.device", "values": config["devices"]}
    for part in ("hour_sin", "hour_cos", "weekend"):
        yield {"name": part, "kind": "time_of_day", "part": part}
    yield {"name": "age", "kind": "number", "of": "customer.age", "transform": {"scale": 0.01}}
    yield {"name": "tenure", "kind": "number", "of": "customer.tenure_months", "transform": log}
    yield {"name": "tier", "kind": "one_hot", "of": "customer.tier", "values": ["silver", "gold", "platinum"]}
    yield {"name": "credit", "kind": "number", "of": "customer.credit_score", "transform": {"scale": 0.001}}
    yield {"name": "n_owned", "kind": "size", "of": "customer.owned", "transform": {"scale": 0.1}}
    for name, window in (("shown_7d", "7d"), ("shown_1d", "1d")):
        where = "signal.type == 'impression'"
        yield {"name": name, "kind": "count", "where": where, "window": window, "transform": log}
    yield {"name": "consent", "kind": "number", "of": "customer.consent_marketing"}
    yield {
        "name": "owns_last_product",
        "kind": "last_in",
        "of": "signal.attributes.product",
        "member_of": "customer.owned",
        **session,
    }


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": action["id"],
        "group": action["group"],
        "value": action["value"],
        "lever_percent": round((action["lever"] - 1) * 100, 9),
        "context_weights": [
            {"when": f"request.channel == '{channel}'", "percent": round((weight - 1) * 100, 9)}
            for channel, weight in action["context_weight"].items()
        ],
        "eligibility": [
            {"id": f"{action['id'].lower()}-eligible", "when": _condition(action["eligible_if"])}
        ],
        "treatments": [{"id": f"{action['id'].lower()}-t", "placements": action["placements"]}],
    }


def _condition(rule: Mapping[str, Any]) -> str:
    for key, word in (("all", " and "), ("any", " or ")):
        if key in rule:
            return word.join(f"({_condition(part)})" for part in rule[key])
    field, op, value = rule["f"], rule["op"], rule["v"]
    if field == "dwell_s":
        return f"feature.dwell {op} {value * 1000!r}"
    name = PROFILE_AND_REQUEST.get(field, f"customer.{field}")
    if op in ("has", "has_not"):
        return f"{value!r} {'in' if op == 'has' else 'not in'} {name}"
    if op == "==" and value is True:
        return name
    return f"{name} {op} {tuple(value) if isinstance(value, list) else value!r}"


def _suppression(kind: str, days: int) -> dict[str, Any]:
    return {
        "id": f"suppress-{kind}",
        "signal": f"signal.type == '{kind}'",
        "action_attribute": "action",
        "pause": f"{days}d",
    }


def _limits(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Caps of actions, groups and channels, in the order they are checked. A page is one contact."""
    for window, per in enumerate(WINDOWS):
        capped: dict[int, list[str]] = defaultdict(list)
        for action in config["actions"]:
            capped[action["caps"][window]].append(action["id"])
        for most, actions in sorted(capped.items()):
            scope = {"actions": actions}
            yield _limit(f"action-{per}-{most}", most, per, "action") | {"scope": scope}
    for each in ("group", "channel"):
        for most, per in zip(config[f"{each}_caps"], WINDOWS, strict=True):
            yield _limit(f"{each}-{per}", most, per, each)


def _limit(name: str, most: int, per: str, each: str) -> dict[str, Any]:
    return {"id": name, "at_most": most, "per": per, "each": each, "same_decision": "exempt"}
