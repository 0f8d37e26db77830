import pytest

from models.plan.load import PlanError, load_plan

MINIMAL = """\
plan: nextbeam/1
name: minimal
brands: [harbour, meadow]
time_zone: Europe/London
channels: {{web: {{direction: inbound}}, email: {{direction: outbound}}}}
vocabulary: {{signal_types: [click], customer: {{age: {{type: integer}}, {facts}}}}}
placements: {{hero: {{channel: web}}, letter: {{channel: email}}}}
issues: {{grow: {{}}}}
groups: {{lending: {{issue: grow, {group}}}, help: {{issue: grow}}}}
actions:
  - {{id: loan, group: lending, value: 1, {action}, treatments: [{{id: loan-hero, placements: [hero], {treatment}}}]}}
  - {{id: alert, group: help, value: 1, message_class: service, treatments: [{{id: alert-hero, placements: [hero]}}]}}
{parts}
"""


def findings(
    folder, *, facts="", group="name: Lending", action="name: Loan", treatment="text: Hello", parts=""
):
    text = MINIMAL.format(
        facts=facts or "town: {type: string}", group=group, action=action, treatment=treatment, parts=parts
    )
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    try:
        load_plan(folder)
    except PlanError as refused:
        return [f"{one.path}: {one.message}" for one in refused.findings]
    return []


TYPE = "vocabulary.customer.{0}.type: {0!r} is declared as {1}, but is a {2} in every plan"
RULE = "{id: a, when: customer.age >= 18}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param({}, [], id="nothing-is-wrong"),
        pytest.param(
            {"facts": "vulnerable: {type: boolean}, consent_email: {type: boolean}"}, [], id="facts-may-be-declared"
        ),
        pytest.param(
            {"facts": "vulnerable: {type: string}"},
            [TYPE.format("vulnerable", "string", "boolean")],
            id="a-circumstance-of-another-type",
        ),
        pytest.param(
            {"facts": "consent_email: {type: integer}"},
            [TYPE.format("consent_email", "integer", "boolean")],
            id="consent-of-another-type",
        ),
        pytest.param(
            {"facts": "may: {type: strings}", "parts": "care: {consent: {email: may}}"},
            [TYPE.format("may", "strings", "boolean")],
            id="renamed-consent-of-another-type",
        ),
        pytest.param(
            {"parts": "care: {consent: {emial: may}}"},
            ["care.consent.emial: unknown channel 'emial'"],
            id="consent-in-no-channel",
        ),
        pytest.param(
            {"parts": "care: {consent: {email: bereaved}}"},
            ["care.consent.email: 'bereaved' says that the customer is bereaved, not that they agree"],
            id="a-circumstance-is-no-consent",
        ),
        pytest.param({"parts": "care: {waived: ''}"}, ["care.waived: waived without a reason"], id="silent-waiver"),
        pytest.param({"parts": "care: {waived: '...'}"}, ["care.waived: waived without a reason"], id="dotted-waiver"),
        pytest.param({"parts": "care: {waived: test data}"}, [], id="a-waiver-in-words"),
        pytest.param(
            {"parts": "care: {soften_percent: 0, bereaved: {fact: bereaved, then: soften}}"},
            ["care.soften_percent: softened by nothing"],
            id="softened-by-nothing",
        ),
        pytest.param(
            {"parts": "care: {soften_percent: -100, bereaved: {fact: bereaved, then: soften}}"},
            ["care.soften_percent: softened until nothing is left: that is a stop"],
            id="softened-to-nothing",
        ),
        pytest.param(
            {"parts": "care: {soften_percent: -99, bereaved: {fact: bereaved, then: soften}}"}, [], id="softened"
        ),
        pytest.param(
            {"parts": "policies: [{id: care-bereaved, tier: eligibility, when: customer.age > 1}]"},
            ["policies[care-bereaved].id: rule id 'care-bereaved' is that of a rule of duty of care"],
            id="the-id-of-care",
        ),
        pytest.param(
            {"action": "starts: 2026-02-30"}, ["actions[loan].starts: 2026-02-30 is no day or time"], id="no-such-day"
        ),
        pytest.param(
            {"action": "starts: 2026-02-03, ends: 2026-02-03T00:00"},
            ["actions[loan].ends: 2026-02-03T00:00 is not after 2026-02-03"],
            id="ends-as-it-starts",
        ),
        pytest.param(
            {"group": "starts: 2026-02-03, ends: 2026-02-02"},
            ["groups.lending.ends: 2026-02-02 is not after 2026-02-03"],
            id="a-group-ends-first",
        ),
        pytest.param(
            {"treatment": "ends: 2026-02-03T25:00"},
            ["actions[loan].treatments[loan-hero].ends: 2026-02-03T25:00 is no day or time"],
            id="no-such-time-of-a-treatment",
        ),
        pytest.param(
            {"action": "starts: soon"}, ["actions[loan].starts: 'soon' does not fit"], id="no-date-at-all"
        ),
        pytest.param(
            {"action": "brands: [harbor, meadow, meadow]"},
            ["actions[loan].brands[0]: unknown brand 'harbor'", "actions[loan].brands[2]: 'meadow' is listed twice"],
            id="brands",
        ),
        pytest.param(
            {"parts": "stops: [{id: s}]"},
            ["stops[s]: a stop that names nothing would stop everything"],
            id="a-stop-of-nothing",
        ),
        pytest.param(
            {"parts": "stops: [{id: s, treatments: [loan-hreo], channels: [fax], brands: [x], scope: {groups: [y]}}]"},
            ["stops[s].scope.groups[0]: unknown group 'y'", "stops[s].treatments[0]: unknown treatment 'loan-hreo'",
             "stops[s].channels[0]: unknown channel 'fax'", "stops[s].brands[0]: unknown brand 'x'"],
            id="a-stop-of-unknown-things",
        ),
        pytest.param(
            {"parts": "stops: [{id: s, treatments: [loan-hero], scope: {groups: [help]}}]"},
            ["stops[s]: none of these treatments is of an action in scope"],
            id="a-stop-that-stops-nothing",
        ),
        pytest.param(
            {"parts": "stops: [{id: s, channels: [web], since: 2026-02-03, until: 2026-02-01}]"},
            ["stops[s].until: 2026-02-01 is not after 2026-02-03"],
            id="a-stop-over-before-it-began",
        ),
        pytest.param(
            {"action": f"eligibility: [{RULE}]", "parts": "stops: [{id: a, channels: [web]}]"},
            ["stops[a].id: id 'a' is taken, in plan.yaml line 11"],
            id="the-id-of-a-rule",
        ),
        pytest.param(
            {"treatment": f"eligibility: [{RULE}], suitability: [{RULE}]"},
            [("actions[loan].treatments[loan-hero].suitability[a].id: rule id 'a' already means something else, in "
             "plan.yaml line 11")],
            id="one-id-two-tiers-of-a-treatment",
        ),
        pytest.param(
            {"treatment": "applicability: [{id: a, when: customer.aeg >= 18}]"},
            ["actions[loan].treatments[loan-hero].applicability[a].when: unknown field customer.aeg"],
            id="a-treatment's-rule-that-cannot-be-used",
        ),
        pytest.param(
            {"parts": "contact: {quiet_hours: [{id: q, begins: '21:00', ends: '21:00', channels: [fax]}]}"},
            ["contact.quiet_hours[q].channels[0]: unknown channel 'fax'",
             "contact.quiet_hours[q].ends: quiet hours that end as they begin"],
            id="quiet-hours-of-no-time",
        ),
        pytest.param(
            {"parts": "contact: {quiet_hours: [{id: q, begins: '21:00', ends: '24:00'}]}"},
            ["contact.quiet_hours[q].ends: '24:00' does not fit"],
            id="no-such-hour",
        ),
        pytest.param(
            {"parts": "contact: {quiet_hours: [{id: q, begins: '21:00', ends: '08:00', scope: {groups: [help]}}]}"},
            ["contact.quiet_hours[q].scope: only messages that contact policy exempts"],
            id="quiet-hours-of-nothing",
        ),
        pytest.param(
            {"parts": "contact: {quiet_hours: [{id: q, begins: '21:00', ends: '08:00', days: [monday, monday]}]}"},
            ["contact.quiet_hours[q].days[1]: 'monday' is listed twice"],
            id="a-day-twice",
        ),
        pytest.param(
            {"facts": "time_zone: {type: integer}",
             "parts": "contact: {quiet_hours: [{id: q, begins: '21:00', ends: '08:00'}]}"},
            [TYPE.format("time_zone", "integer", "string")],
            id="a-time-zone-of-another-type",
        ),
        pytest.param({"facts": "time_zone: {type: integer}"}, [], id="which-nobody-asks-for"),
    ],
)  # fmt: skip
def test_what_closes_and_cares_is_checked_where_it_is_written(tmp_path, monkeypatch, written, expected):
    monkeypatch.chdir(tmp_path)
    found = findings(tmp_path, **written)
    assert sorted(one.replace(f"{tmp_path.as_posix()}/", "") for one in found) == sorted(expected)


@pytest.mark.parametrize("zone", ["facts", "renamed"])
def test_the_time_zone_can_be_another_fact(tmp_path, zone):
    fact = f"{zone}_zone: {{type: string}}"
    parts = (
        f"contact: {{time_zone_of: {zone}_zone, quiet_hours: [{{id: q, begins: '21:00', ends: '08:00'}}]}}"
    )
    assert findings(tmp_path, facts=fact, parts=parts) == []
