"""Bundles, fallbacks and influences that could not mean anything are refused, with the place and a remedy."""

import pytest
import yaml

from models.plan.load import PlanError, load_plan


def said(placements, *names, **changes):
    return [
        {
            "id": name,
            "group": "lending",
            "value": 1,
            "treatments": [{"id": f"{name}-x", "placements": placements}],
        }
        | changes
        for name in names
    ]


def written(**changes):
    return {
        "plan": "nextbeam/1",
        "name": "minimal",
        "brands": ["harbour"],
        "channels": {"web": {"direction": "inbound"}},
        "vocabulary": {"signal_types": ["click"]},
        "placements": {"hero": {}, "wide": {"slots": 3}},
        "issues": {"grow": {}},
        "groups": {"lending": {"issue": "grow"}},
        "actions": [*said(["hero", "wide"], "loan", "card", "gold"), *said(["hero"], "small")],
        "care": {"waived": "nobody is really a customer"},
        **changes,
    }


def findings(folder, **changes):
    (folder / "plan.yaml").write_text(yaml.safe_dump(written(**changes), sort_keys=False))
    try:
        load_plan(folder)
    except PlanError as error:
        return [(finding.path, finding.message) for finding in error.findings]
    return []


def bundle(**changes):
    return {"id": "pair", "parent": "loan", "members": ["card"], **changes}


def test_what_makes_sense_is_accepted(tmp_path):
    assert (
        findings(
            tmp_path,
            bundles=[bundle(needs="all"), bundle(id="other", parent="gold")],
            placements={"hero": {"fallback": "small"}, "wide": {"slots": 3}},
            arbitration={
                "influences": [{"id": "more", "label": "positive", "percent": 20, "half_life": "7d"}]
            },
        )
        == []
    )


@pytest.mark.parametrize(
    ("bundles", "path", "message"),
    [
        ([bundle(parent="lone")], "bundles[pair].parent", "unknown action 'lone'"),
        ([bundle(members=["cart"])], "bundles[pair].members[0]", "unknown action 'cart'"),
        ([bundle(members=["card", "card"])], "bundles[pair].members[1]", "'card' is listed twice"),
        ([bundle(members=["card", "loan"])], "bundles[pair].members[1]", "'loan' is its own parent"),
        (
            [bundle(), bundle(id="next", parent="card", members=["gold"])],
            "bundles[pair].members[0]",
            "'card' is itself the parent of a bundle",
        ),
        ([bundle(), bundle(id="next")], "bundles[next].parent", "'loan' is the parent of another bundle"),
        ([bundle(), bundle(parent="gold")], "bundles[pair].id", "id 'pair' is taken"),
        (
            [bundle(members=["small"])],
            "bundles[pair]",
            "no placement has slots and treatments for 'loan' and a member",
        ),
        (
            [bundle(members=["card", "small"], needs="all")],
            "bundles[pair]",
            "no placement has slots and treatments for 'loan' and all its members",
        ),
    ],
)
def test_bundles_that_make_no_sense(tmp_path, bundles, path, message):
    ((found, said_of_it),) = findings(tmp_path, bundles=bundles)
    assert (found, said_of_it.startswith(message)) == (path, True)


@pytest.mark.parametrize(
    ("fallback", "changes", "message"),
    [
        ("smal", {}, "unknown action 'smal'"),
        ("small", {"wide": True}, "'small' has no treatment for wide"),
        ("small", {"mandatory": True}, "'small' is mandatory"),
        ("card", {"bundles": [bundle()]}, "'card' is part of the bundle 'pair'"),
    ],
)
def test_fallbacks_that_make_no_sense(tmp_path, fallback, changes, message):
    place = "wide" if changes.pop("wide", False) else "hero"
    small = said(["hero"], "small", mandatory=changes.pop("mandatory", False))
    ((found, said_of_it),) = findings(
        tmp_path,
        placements={"hero": {}, "wide": {"slots": 3}} | {place: {"slots": 3, "fallback": fallback}},
        actions=[*said(["hero", "wide"], "loan", "card", "gold"), *small],
        **changes,
    )
    assert (found, said_of_it.startswith(message)) == (f"placements.{place}.fallback", True)


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"outcomes": []}, "", "an influence that nothing sets off"),
        ({"outcomes": ["Clicked", "Clicked"]}, ".outcomes[1]", "'Clicked' is listed twice"),
        ({"percent": 0}, ".percent", "it moves priorities by nothing"),
        ({"half_life": "0h"}, ".half_life", "0h is no time at all"),
        ({"lasts": "0d"}, ".lasts", "0d is no time at all"),
        ({"scope": {"groups": ["landing"]}}, ".scope.groups[0]", "unknown group 'landing'"),
    ],
)
def test_influences_that_make_no_sense(tmp_path, changes, path, message):
    influence = {"id": "more", "outcomes": ["Clicked"], "percent": 20, **changes}
    ((found, said_of_it),) = findings(tmp_path, arbitration={"influences": [influence]})
    assert (found, said_of_it) == (f"arbitration.influences[more]{path}", message)


def test_two_influences_do_not_share_an_id(tmp_path):
    influence = {"id": "more", "outcomes": ["Clicked"], "percent": 20}
    ((found, message),) = findings(tmp_path, arbitration={"influences": [influence, influence]})
    assert (found, message.startswith("id 'more' is taken")) == ("arbitration.influences[more].id", True)
