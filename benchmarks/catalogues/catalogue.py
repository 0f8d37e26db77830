"""Catalogues of any size: a bank's plan with as many actions as asked for, five treatments each, and its model.

The same size and seed give the same files. Actions are sold to segments, ages and regions and not to those who have
the product, as real ones are, so that of thousands some dozens to hundreds remain for one customer.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from models.features import FeatureTable
from models.plan.load import load_plan
from models.plan.spec import EvidenceSpec, PlanSpec
from models.propensity.artifact import Manifest, save, seal

Part = dict[str, Any]

HERE = Path(__file__).parent
FRAME: Part = yaml.safe_load((HERE / "frame.yaml").read_text("utf-8"))
"""What all catalogues have in common."""

GROUP_SIZE = 50
PRODUCTS = 40
BRANDS: list[str] = FRAME["brands"]
PAGES: list[str] = FRAME["vocabulary"]["pages"]
SEGMENTS: list[str] = FRAME["vocabulary"]["customer"]["segment"]["one_of"]
REGIONS: list[str] = FRAME["vocabulary"]["customer"]["region"]["one_of"]
ISSUES = list(FRAME["issues"])

TREATMENTS = (
    ("hero", ("web_hero",)),
    ("tile", ("web_tiles",)),
    ("card", ("app_carousel",)),
    ("letter", ("email_main",)),
    ("text", ("sms_message",)),
)
"""What each action says where: five treatments."""


def write_catalogue(folder: Path, actions: int, *, exploration: bool = True, seed: int = 0) -> Path:
    """Write the plan and its model to `folder`; where its plan is.

    Args:
      folder: Made if it does not exist.
      actions: How many; each has five treatments.
      exploration: Whether propensities are drawn; else actions compete by priority alone, which is faster.
      seed: Another one gives another catalogue of the same kind.
    """
    draws = Random(f"{actions}/{seed}")
    (folder / "actions").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "contact.yaml", folder / "contact.yaml")
    for number, first in enumerate(range(0, actions, GROUP_SIZE)):
        members = range(first, min(first + GROUP_SIZE, actions))
        _write(folder / "actions" / f"group-{number:03}.yaml", _group(draws, number, members))
    plan = FRAME | {
        "name": f"catalogue of {actions:,} actions",
        "arbitration": _arbitration(draws, -(-actions // GROUP_SIZE), exploration=exploration),
        "stops": [{"id": "wrong-rate", "scope": {"actions": [_name(actions // 2)]}, "channels": ["email"]}],
    }
    _write(folder / "plan.yaml", plan)
    write_model(folder / "model", load_plan(folder).spec, seed)
    _write(folder / "plan.yaml", plan | {"model": {"path": "model"}})
    return folder


def _write(path: Path, part: Mapping[str, Any]) -> None:
    text = yaml.dump(dict(part), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(text, "utf-8")


def _name(number: int) -> str:
    return f"action-{number:04}"


def _group(draws: Random, number: int, members: range) -> Part:
    name = f"group-{number:03}"
    family: Part = {"issue": ISSUES[number % len(ISSUES)], "lever_percent": draws.choice((-10, 0, 0, 15))}
    if number % 10 == 9:
        family |= {"starts": "2026-02-01", "ends": "2029-01-01"}
    return {"groups": {name: family}, "actions": [_action(draws, name, member) for member in members]}


def _action(draws: Random, group: str, number: int) -> Part:
    name = _name(number)
    kind = draws.choices(("marketing", "service", "regulatory"), (90, 8, 2))[0]
    action: Part = {
        "id": name,
        "name": f"Action {number}",
        "group": group,
        "message_class": kind,
        "value": round(draws.lognormvariate(3, 0.8), 2),
        "lever_percent": draws.choice((-20, 0, 0, 0, 10, 25)),
        "starting_propensity": round(draws.uniform(0.005, 0.1), 4),
        "starting_evidence": draws.choice((0, 20, 200)),
        "eligibility": [{"id": f"{name}-for", "when": _audience(draws)}],
        "applicability": [
            {"id": f"{name}-new", "when": f"'product-{number % PRODUCTS}' not in customer.holdings"}
        ],
        "treatments": [_treatment(draws, name, *each) for each in TREATMENTS],
    }
    if draws.random() < 0.3:
        action["brands"] = sorted(draws.sample(BRANDS, 2))
    if draws.random() < 0.2:
        action |= {"starts": f"2026-0{draws.randint(1, 6)}-01", "ends": f"2027-0{draws.randint(1, 9)}-01"}
    if draws.random() < 0.2:
        action["suitability"] = [
            {"id": f"{name}-wise", "when": f"customer.income >= {draws.randrange(8, 40)}000"}
        ]
    return action


def _audience(draws: Random) -> str:
    """A condition that about a sixth of all customers meet."""
    segments = ", ".join(f"'{name}'" for name in sorted(draws.sample(SEGMENTS, 2)))
    regions = ", ".join(f"'{name}'" for name in sorted(draws.sample(REGIONS, 4)))
    return (
        f"customer.segment in ({segments}) and customer.region in ({regions})"
        f" and customer.age >= {draws.choice((18, 21, 25, 30, 40))}"
    )


def _treatment(draws: Random, action: str, name: str, placements: tuple[str, ...]) -> Part:
    treatment: Part = {
        "id": f"{action}-{name}",
        "placements": list(placements),
        "text": f"{name} of {action}",
    }
    if draws.random() < 0.05:
        treatment |= {"starts": "2026-01-15", "ends": "2027-12-31"}
    if draws.random() < 0.05:
        treatment["suitability"] = [{"id": f"{action}-{name}-wise", "when": "customer.age <= 80"}]
    return treatment


def _arbitration(draws: Random, groups: int, *, exploration: bool) -> Part:
    weights = [
        {
            "when": f"request.page == '{page}'",
            "percent": 40,
            "scope": {
                "groups": [f"group-{n:03}" for n in sorted(draws.sample(range(groups), min(3, groups)))]
            },
        }
        for page in PAGES
    ]
    influence = {
        "id": "looked-closer",
        "outcomes": ["Clicked"],
        "percent": 40,
        "half_life": "3d",
        "lasts": "14d",
    }
    return {
        "reasons_of": "offers",
        "exploration": "thompson" if exploration else "none",
        "context_weights": weights,
        "influences": [influence],
    }


def write_model(folder: Path, spec: PlanSpec, seed: int) -> None:
    """A linear model of nine in ten actions, as if it had learned from some responses to each."""
    draws = np.random.default_rng(seed)
    scored = [action.id for number, action in enumerate(spec.actions) if number % 10]
    columns = FeatureTable.of(spec).vector_columns
    learned = {
        name: EvidenceSpec(responses=int(shown), positives=int(shown // 30))
        for name, shown in zip(scored, draws.integers(30, 5_000, len(scored)), strict=True)
    }
    manifest = Manifest(kind="linear", features=columns, actions=tuple(scored), learned_from=learned)
    weights = draws.normal(0, 0.2, (len(scored), len(columns)))
    save(seal(manifest, {"weights": weights, "bias": draws.normal(-3.5, 0.7, len(scored))}), folder)
