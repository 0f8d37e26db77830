"""Service and regulatory messages that contact policy could hold back are found before the plan runs."""

import pytest
from metamorphic_bank import bank, limit, pause, written

from models.plan.lint import check_plan

ALL = ["service", "regulatory"]
QUIET = {"id": "night", "begins": "21:00", "ends": "08:00"}
VOLUME = {"id": "few", "at_most": 9, "per": "1d"}
MARKETING = {"scope": {"classes": ["marketing"]}}


def warned(folder, exempt, **contact):
    """By class that is warned of: what can hold it back."""
    if exempt is not None:
        contact["exempt"] = exempt
    path = written(bank(contact=contact), folder)
    found = [remark for remark in check_plan(path) if remark.code == "service-held-back"]
    assert all(remark.path == "contact.exempt" for remark in found)
    assert all("add " in remark.remedy for remark in found)
    return {remark.message.split()[0]: remark.message.split("`")[1::2] for remark in found}


@pytest.mark.parametrize(
    ("exempt", "contact", "found"),
    [
        pytest.param(None, {"limits": [limit("l", 1, 1)]}, {}, id="by-default-they-are-exempt"),
        pytest.param([], {}, {}, id="nothing-holds-them-back"),
        pytest.param(
            [], {"limits": [limit("l", 1, 1)]}, {"service": ["l"], "regulatory": ["l"]}, id="a-limit"
        ),
        pytest.param(["service"], {"limits": [limit("l", 1, 1)]}, {"regulatory": ["l"]}, id="one-class"),
        pytest.param([], {"limits": [limit("l", 1, 1, **MARKETING)]}, {}, id="a-limit-of-marketing"),
        pytest.param(
            ["regulatory"],
            {"limits": [limit("l", 1, 1, scope={"classes": ["service"]})]},
            {},
            id="a-limit-that-means-them",
        ),
        pytest.param(
            [], {"limits": [limit("l", 1, 1, channels=["mail"])]}, {"service": ["l"]}, id="by-their-channels"
        ),
        pytest.param(
            ["service"],
            {"limits": [limit("l", 1, 1)], "suppressions": [pause("p", 1, "all", **MARKETING)]},
            {"regulatory": ["p", "l"]},
            id="a-pause-of-everything-whoever-sets-it-off",
        ),
        pytest.param([], {"suppressions": [pause("p", 1, "group", **MARKETING)]}, {}, id="a-pause-elsewhere"),
        pytest.param(
            [],
            {"suppressions": [pause("p", 1, "issue", scope={"actions": ["notice"]})]},
            {"service": ["p"], "regulatory": ["p"]},
            id="a-pause-of-their-issue",
        ),
        pytest.param(
            [], {"quiet_hours": [QUIET]}, {"service": ["night"], "regulatory": ["night"]}, id="quiet-hours"
        ),
        pytest.param([], {"quiet_hours": [{**QUIET, **MARKETING}]}, {}, id="quiet-hours-of-marketing"),
        pytest.param([], {"volumes": [VOLUME]}, {"service": ["few"], "regulatory": ["few"]}, id="a-maximum"),
        pytest.param([], {"volumes": [{"id": "m", "at_least": 9, "per": "1d"}]}, {}, id="no-minimum"),
    ],
)
def test_what_can_hold_back_a_message_that_must_arrive_is_named(tmp_path, exempt, contact, found):
    assert warned(tmp_path, exempt, **contact) == found


def test_the_classes_of_no_action_are_nobodys_concern(tmp_path):
    path = written(bank(marketing_only=True, contact={"limits": [limit("l", 1, 1)], "exempt": []}), tmp_path)
    assert "service-held-back" not in {remark.code for remark in check_plan(path)}
