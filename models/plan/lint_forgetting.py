"""A customer who is forgotten while something still looks back to what they did."""

from collections.abc import Iterator

from models.plan.lint_findings import Remark
from models.plan.lint_view import View, where
from models.plan.structure import Place
from models.times import Micros, duration


def forgetting_remarks(view: View) -> Iterator[Remark]:
    """The longest window, if `session.forget` is shorter than that."""
    forget = view.spec.session.forget
    if forget is None:
        return
    span, place = max(_windows(view), key=lambda window: window[0], default=(0, view.root))
    if duration(forget) < span:
        message = f"customers are forgotten after {forget}, while {where(place)} looks back further"
        remedy = "forget them no sooner than the longest window has passed"
        yield Remark.at("forgets-too-soon", view.root / "session" / "forget", message, remedy)


def _windows(view: View) -> Iterator[tuple[Micros, Place]]:
    """How far each part of the plan looks back."""
    spec, contact = view.spec, view.root / "contact"
    for index, feature in enumerate(spec.features):
        if feature.window not in (None, "session"):
            delay = duration(feature.delay) if feature.delay else 0
            yield duration(str(feature.window)) + delay, view.root / "features" / index / "window"
    for index, limit in enumerate(spec.contact.limits):
        yield duration(limit.per), contact / "limits" / index / "per"
    if spec.contact.remember:
        yield duration(spec.contact.remember), contact / "remember"
    for index, rule in enumerate(spec.contact.suppressions):
        yield duration(rule.within) + duration(rule.pause), contact / "suppressions" / index
    for index, influence in enumerate(spec.arbitration.influences):
        place = view.root / "arbitration" / "influences" / index / "lasts"
        yield duration(influence.lasts), place
    for name, channel in spec.channels.items():
        if channel.response_window:
            yield duration(channel.response_window), view.root / "channels" / name / "response_window"
