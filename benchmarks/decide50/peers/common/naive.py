"""decide-50 as one first writes it: dictionaries, a function for each concept, rules interpreted, a model an action.

With policies.py it is the reference of the equality gate, so it says what the rules are and saves nothing. Peers in
the manner of tutorials are made of these functions. Times are seconds since 1970.
"""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

Record = dict[str, Any]
DAY = 86_400.0


class NotAnEventError(ValueError):
    """A line that cannot be read as an event; the text names what is wrong."""


class Strategy:
    """What a run knows before the first event: the strategy, the customers and the models."""

    def __init__(self, data: str) -> None:
        folder = Path(data)
        self.config: Record = json.loads((folder / "config.json").read_text())
        with (folder / "customers.ndjson").open() as file:
            self.customers = {person["customer_id"]: person for person in map(json.loads, file)}
        arrays = np.load(folder / "models.npz")
        self.weights = arrays["W"]
        self.models = [_model(*each) for each in zip(arrays["W"], arrays["b"], strict=True)]
        self.group_of = {action["id"]: action["group"] for action in self.config["actions"]}


def _model(weights: Any, bias: float) -> LogisticRegression:
    """A fitted model with these weights."""
    model = LogisticRegression()
    model.classes_ = np.array([0, 1])
    model.coef_, model.intercept_ = weights[np.newaxis], np.array([bias])
    model.n_features_in_ = len(weights)
    return model


def parse(line: str, config: Record) -> Record:
    """The event of a line, its time added as seconds under `t`.

    Raises:
      NotAnEventError: The line is malformed.
    """
    try:
        event = json.loads(line)
        event["t"] = datetime.fromisoformat(event["ts"]).timestamp()
        attributes = event["attributes"]
        named = isinstance(event["event_id"], str) and isinstance(event["customer_id"], str)
        known = all(
            event[field] in config[names]
            for field, names in (
                ("brand", "brands"),
                ("channel", "channels"),
                ("type", "types"),
                ("page", "pages"),
            )
        )
        if not (named and event["event_id"] and event["customer_id"]):
            raise NotAnEventError("no id")
        if not (known and attributes["device"] in config["devices"]):
            raise NotAnEventError("unknown name")
        if not attributes["dwell_ms"] >= 0:
            raise NotAnEventError("negative dwell_ms")
    except NotAnEventError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise NotAnEventError(f"{type(error).__name__}: {error}") from error
    return dict(event)


def dead_letter(line: str, error: Exception) -> Record:
    """What is written of a malformed line."""
    return {"dead_letter": str(error), "raw": line}


def nobody() -> Record:
    """What is remembered of a customer before the first event."""
    return {"seen": [], "sessions": 0, "session": {}, "impressions": []}


def observe(memory: Record, event: Record, config: Record) -> bool:
    """Take an event into a customer's memory, in place; False: it was seen before."""
    if event["event_id"] in memory["seen"]:
        return False
    memory["seen"] = [*memory["seen"], event["event_id"]][-config["dedupe_last"] :]
    now, kind = event["t"], event["type"]
    shown = [*memory["impressions"], *([now] if kind == "impression" else [])]
    memory["impressions"] = [at for at in shown if now - at < 7 * DAY]
    session = memory["session"]
    if not session or now - session["last"] > config["session_gap_s"]:
        memory["sessions"] += 1
        session = memory["session"] = {
            "start": now,
            "events": 0,
            "counts": dict.fromkeys(config["types"], 0),
            "latest": {},
            "dwell_ms": 0.0,
            "cart": 0.0,
            "pages": [],
            "product": None,
            "decisions": 0,
        }
    session["last"] = session["latest"][kind] = now
    session["events"] += 1
    session["counts"][kind] += 1
    session["dwell_ms"] += event["attributes"]["dwell_ms"]
    session["cart"] = _cart(session["cart"], kind, event["attributes"].get("value", 0.0))
    session["pages"] = [*session["pages"], event["page"]][-5:]
    session["product"] = event.get("product") or session["product"]
    return True


def _cart(total: float, kind: str, value: float) -> float:
    if kind == "add_to_cart":
        return total + value
    if kind == "remove_from_cart":
        return max(0.0, total - value)
    return 0.0 if kind == "checkout" else total


def asks(event: Record, config: Record) -> bool:
    """Whether an event is a request for decisions."""
    return event["type"] == "page_view" and event["page"] in config["page_placements"]


def pause(pauses: dict[str, float], event: Record, config: Record) -> None:
    """Note, in place, until when an outcome keeps its action from the customer."""
    action = event["attributes"].get("action")
    if event["type"] in config["suppress_days"] and action is not None:
        until = event["t"] + config["suppress_days"][event["type"]] * DAY
        pauses[action] = max(until, pauses.get(action, 0.0))


def features(event: Record, memory: Record, person: Record, config: Record) -> list[float]:
    """The inputs of all models, in the order of the strategy."""
    now, session, log = event["t"], memory["session"], math.log1p
    hour = now / 3600 % 24
    shown, owned = memory["impressions"], person["owned"]
    values = {
        "n_events": log(session["events"]),
        "session_s": log(now - session["start"]),
        "dwell": log(session["dwell_ms"] / 1000),
        "cart_value": log(session["cart"]),
        "n_sessions": log(memory["sessions"]),
        "n_decisions": log(session["decisions"]),
        "hour_sin": math.sin(hour * math.pi / 12),
        "hour_cos": math.cos(hour * math.pi / 12),
        "weekend": (now // DAY + 3) % 7 >= 5,
        "age": person["age"] / 100,
        "tenure": log(person["tenure_months"]),
        "credit": person["credit_score"] / 1000,
        "n_owned": len(owned) / 10,
        "shown_7d": log(len([at for at in shown if now - at < 7 * DAY])),
        "shown_1d": log(len([at for at in shown if now - at < DAY])),
        "consent": person["consent_marketing"],
        "owns_last_product": session["product"] in owned,
        f"brand_{event['brand']}": 1,
        f"channel_{event['channel']}": 1,
        f"device_{event['attributes']['device']}": 1,
        f"tier_{person['tier']}": 1,
    }
    values |= {f"n_{kind}": log(count) for kind, count in session["counts"].items()}
    values |= {f"recent_{kind}": math.exp((at - now) / 600) for kind, at in session["latest"].items()}
    values |= {f"page_{page}": session["pages"].count(page) / 5 for page in session["pages"]}
    return [float(values.get(name, 0)) for name in config["features"]]


def decision(event: Record, memory: Record, placements: list[Record], policy: Record) -> Record:
    """What is written of a request."""
    session = memory["session"]
    return {
        "decision_id": f"d-{event['event_id']}",
        **{field: event[field] for field in ("event_id", "customer_id", "ts", "brand", "channel", "page")},
        "placements": placements,
        "policy": policy,
        "session": {"n": session["events"], "dwell_s": session["dwell_ms"] / 1000},
    }
