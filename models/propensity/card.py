"""The model card: what a propensity model is for, what it learned from, and how far to trust it."""

from collections.abc import Iterable, Iterator, Sequence

from models.propensity.artifact import Metrics
from models.propensity.training import Kind, Report

_FEW = 200
"""Held-out responses below which a metric says little."""

_PURPOSE = """Estimates, for each action, the probability that a customer responds to it when shown
(`P(positive | shown)`), the factor P of an action's priority. It ranks offers; it is not a credit, fraud or
affordability decision, and it never overrules an eligibility, suitability or contact rule."""

_LIMITS = """* It knows only what was shown: customers and moments that the plan never chose for an action are outside
  of what it learned. A control group or exploration narrows this gap.
* Responses are labelled as the plan's channels report them; silence until the response window ends is a negative.
* The held-out customers are of the same days as the others, so a change over time is not in these figures.
* The trees compare actions by their rate in training; a change of an action's wording calls for new training.
* Behaviour may stand in for facts that are no inputs: read the groups of customers above before each release."""


def card(report: Report, *, plan: str, deployed: Kind, source: str) -> str:
    """The card as Markdown.

    Args:
      report: What training found.
      plan: Name of the plan whose actions are scored.
      deployed: The kind that is deployed.
      source: Where the responses come from, in a sentence.
    """
    sections = (
        _head(report, plan, deployed),
        ("Purpose", [_PURPOSE]),
        ("Data", [source, "", *_data(report, deployed)]),
        ("Features", _features(report, deployed)),
        ("How well it does", _comparison(report, deployed)),
        ("Calibration", _calibration(report, deployed)),
        ("By action", _by_action(report, deployed)),
        ("Actions without a model", _untrained(report)),
        ("By group of customers", _slices(report, deployed)),
        ("Limits", [_LIMITS]),
        ("How to make it again", ["```", report.about.command, "```"]),
    )
    text = "\n\n".join(f"{title}\n\n{body}" for title, body in map(_section, sections) if body)
    return text + "\n"


Section = tuple[str, list[str]]


def _section(section: Section) -> tuple[str, str]:
    title, lines = section
    return title if title.startswith("#") else f"## {title}", "\n".join(lines)


def _head(report: Report, plan: str, deployed: Kind) -> Section:
    trained = report.models[deployed]
    names = {
        "linear": "one logistic regression per action",
        "trees": "gradient boosted trees over all actions",
    }
    line = f"Kind: {names[deployed]} ({trained.setting}). Digest: `{trained.artifact.digest}`."
    return f"# Propensity model of {plan}", [line]


def _data(report: Report, deployed: Kind) -> Iterator[str]:
    training, metrics = report.about, report.models[deployed].metrics
    yield from _table(
        ("", ""),
        [
            ("responses", f"{training.responses:,}"),
            ("customers", f"{training.customers:,}"),
            (
                "responses of customers held out",
                f"{metrics.responses:,}, of which {metrics.positives:,} positive",
            ),
            ("SHA-256 of the data", f"`{training.data}`"),
            ("seed", str(training.seed)),
            ("made with", ", ".join(f"{name} {version}" for name, version in training.created_by.items())),
        ],
        numbers=False,
    )


def _features(report: Report, deployed: Kind) -> list[str]:
    features = report.models[deployed].artifact.manifest.features
    strongest = report.importance[deployed][:15]
    rows = [(f"`{name}`", f"{size:.3f}") for name, size in strongest if size > 0]
    lead = f"{len(features)} features, declared in the plan. The strongest, by mean size of contribution in log-odds:"
    return [lead, "", *_table(("feature", "contribution"), rows)]


_COLUMNS = ("responses", "rate", "predicted", "AUC", "log loss", "Brier", "calibration error")


def _figures(metrics: Metrics) -> tuple[str, ...]:
    auc = "" if metrics.auc is None else f"{metrics.auc:.3f}"
    shares = (f"{metrics.rate:.2%}", f"{metrics.predicted:.2%}")
    losses = (f"{metrics.log_loss:.4f}", f"{metrics.brier:.4f}", f"{metrics.calibration_error:.2%}")
    return (f"{metrics.responses:,}", *shares, auc, *losses)


def _comparison(report: Report, deployed: Kind) -> list[str]:
    rows = [("each action's rate", *_figures(report.rate_only))]
    for kind, trained in report.models.items():
        name = f"**{kind}** (deployed)" if kind == deployed else kind
        rows.append((name, *_figures(trained.metrics)))
    return ["All on the same held-out customers.", "", *_table(("model", *_COLUMNS), rows)]


def _calibration(report: Report, deployed: Kind) -> list[str]:
    rows = [
        (f"{size:,}", f"{predicted:.2%}", f"{rate:.2%}") for size, predicted, rate in report.bins[deployed]
    ]
    lead = "Held-out responses in bins of equal size, by predicted propensity."
    return [lead, "", *_table(("responses", "predicted", "responded"), rows)]


def _by_action(report: Report, deployed: Kind) -> list[str]:
    by_action = report.models[deployed].artifact.manifest.metrics_by_action
    rows = [(f"`{action}`", *_figures(metrics)) for action, metrics in by_action.items()]
    note = f"Fewer than {_FEW} responses say little about one action."
    return [note, "", *_table(("action", *_COLUMNS), rows)]


def _untrained(report: Report) -> list[str]:
    if not report.untrained:
        return ["None."]
    rows = [(f"`{action}`", reason) for action, reason in report.untrained.items()]
    return [
        "They keep the starting propensity of the plan.",
        "",
        *_table(("action", "why"), rows, numbers=False),
    ]


def _slices(report: Report, deployed: Kind) -> list[str]:
    if not report.slices:
        return ["The responses carry no facts to group customers by."]
    lines = [
        "A group whose predicted and actual rates differ much more than others' is treated differently.",
        "",
    ]
    for name, groups in report.slices.items():
        rows = [(value, *_figures(metrics[deployed])) for value, metrics in groups.items()]
        lines += [*_table((name, *_COLUMNS), rows), ""]
    return lines[:-1]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> list[str]:
    aligned = ["---", *("---:" if numbers else "---" for _ in head[1:])]
    return ["| " + " | ".join(line) + " |" for line in (head, aligned, *rows)]
