"""What of a faulty plan can still be checked for meaning, so that all faults are said at once and none twice."""

from collections.abc import Mapping

import msgspec

from models.plan.spec import ActionSpec, LimitSpec, PolicySpec, SuppressionSpec, WeightSpec
from models.plan.structure import Place, hints, structure_findings
from models.plan.yaml_nodes import Node

_PARTS: Mapping[tuple[str, ...], type[msgspec.Struct]] = {
    ("actions",): ActionSpec,
    ("policies",): PolicySpec,
    ("contact", "limits"): LimitSpec,
    ("contact", "suppressions"): SuppressionSpec,
    ("arbitration", "context_weights"): WeightSpec,
}
"""Lists whose items nothing else in the plan is defined by; but actions have names."""


def salvaged(root: Place, faults: int) -> Place | None:
    """The plan without the faulty items of its lists; None if any of its `faults` is elsewhere.

    A faulty action leaves a stand-in under its name, so that what refers to it is not called wrong too.
    """
    node, found = root.node, 0
    for path, item_type in _PARTS.items():
        place = root
        for key in path:
            place = place / key
        if node is None or place.node is None or not isinstance(place.node.value, list):
            continue
        kept: list[Node] = []
        for index, item in enumerate(place.node.value):
            wrong = len(list(structure_findings(place / index, item_type)))
            found += wrong
            if not wrong:
                kept.append(item)
            elif item_type is ActionSpec:
                kept.append(_stand_in(item, root, index))
        node = _replaced(node, path, Node(place.mark, list(kept)))
    return Place(root.mark, "", node) if found == faults else None


def _replaced(node: Node, path: tuple[str, ...], part: Node) -> Node:
    assert isinstance(node.value, dict)
    key, *rest = path
    inner = _replaced(node.value[key], tuple(rest), part) if rest else part
    return Node(node.mark, {**node.value, key: inner}, node.keys)


def _stand_in(item: Node, root: Place, index: int) -> Node:
    """An action that is good, and has the name and the group of a faulty one where these are good."""
    placements = root / "placements"
    assert placements.node is not None
    assert isinstance(placements.node.value, dict)
    treatment = {
        "id": Node(item.mark, f"unnamed-{index}"),
        "placements": Node(item.mark, [Node(item.mark, next(iter(placements.node.value), ""))]),
    }
    stand_in = {
        "id": Node(item.mark, f"unnamed-{index}"),
        "group": Node(item.mark, _first_group(root)),
        "value": Node(item.mark, 0),
        "treatments": Node(item.mark, [Node(item.mark, dict(treatment))]),
    }
    for key in ("id", "group"):
        place = Place(item.mark, "", item) / key
        if place.node is not None and not any(structure_findings(place, hints(ActionSpec)[key])):
            stand_in[key] = place.node
    return Node(item.mark, dict(stand_in))


def _first_group(root: Place) -> str:
    groups = root / "groups"
    return next(iter(groups.node.value), "") if groups.node and isinstance(groups.node.value, dict) else ""
