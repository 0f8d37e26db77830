"""From declared features to Python expressions: one per column, over what the plan remembers."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from models.features import memory, series, values
from models.features.demands import TRAIL_KEY, Demands, Quantity
from models.plan.emit import define
from models.plan.spec import FeatureSpec
from models.times import DAY, HOUR, duration

_ARGUMENTS = "at, event, customer, session, slots, before, series, earlier"
_FOREVER = 2**63 - 1

Values = Callable[..., tuple[float, ...]]


class Column(NamedTuple):
    """One raw feature value: its name and the expression that computes it."""

    name: str
    source: str


class Emitter:
    """Writes the expressions of one function; what they read is bound to locals once."""

    def __init__(self, demands: Demands, time_zone: str) -> None:
        self._demands = demands
        self._locals: dict[str, str] = {}
        self._names: dict[str, Any] = {"_local_time": values.local_time(time_zone)}
        for module, prefixes in ((memory, ("session_", "trail_")), (series, ("window_",))):
            self._names |= {n: f for n, f in vars(module).items() if n.startswith(prefixes)}
        for helper in (
            values.is_one,
            values.is_member,
            values.size,
            values.ratio,
            values.decay,
            values.halve,
        ):
            self._names[helper.__name__] = helper
        self._names |= {"number": values.number, "sin": math.sin, "cos": math.cos}

    def columns(self, feature: FeatureSpec) -> Iterator[Column]:
        """The columns of a feature, in order."""
        if feature.kind == "one_hot":
            value = self._local(self._asked(feature))
            is_text = (feature.of or "").startswith("signal.") and ".attributes." not in (feature.of or "")
            for name in feature.values:
                source = f"float({value} == {name!r})" if is_text else f"is_one({value}, {name!r})"
                yield Column(f"{feature.name}_{name}", source)
        else:
            yield Column(feature.name, getattr(self, f"_{feature.kind}")(feature))

    def function(self, columns: Sequence[Column]) -> Values:
        """All of them as one function that returns a tuple."""
        reads = [f"{local} = {read}" for read, local in self._locals.items()]
        answer = "".join(f"{column.source}, " for column in columns)
        defined: Values = define("features", _ARGUMENTS, [*reads, f"return ({answer})"], self._names)
        return defined

    def _local(self, read: str) -> str:
        return self._locals.setdefault(read, f"v{len(self._locals)}")

    def _bind(self, value: Any) -> str:
        name = f"_c{len(self._names)}"
        self._names[name] = value
        return name

    def _ask(
        self, feature: FeatureSpec, quantity: Quantity, where: str | None, *, numeric: bool = True
    ) -> str:
        """The call that answers `quantity` in the window of the feature."""
        demands, of = self._demands, feature.of
        slots, packed = ("before", "earlier") if feature.previous else ("slots", "series")
        if feature.last is not None:
            label = demands.label(quantity, where, of, feature.last, numeric=numeric)
            return f"trail_{quantity}({self._local(f'{slots}.get({TRAIL_KEY})')}, {feature.last}, {label})"
        if feature.window == "session":
            key = demands.session(quantity, where, of, numeric=numeric)
            return f"session_{quantity}({self._local(f'{slots}.get({key})')})"
        delay = duration(feature.delay) if feature.delay else 0
        length = duration(feature.window) if feature.window else None
        key = demands.window(quantity, where, of, length, delay, numeric=numeric)
        high = self._local(f"at - {delay}")
        low = str(-_FOREVER) if length is None else self._local(f"at - {delay + length}")
        return f"window_{quantity}({self._local(f'{packed}.get({key})')}, {low}, {high})"

    def _asked(self, feature: FeatureSpec) -> str:
        """The value of the event that asks, or of the customer."""
        root, _, name = (feature.of or "").partition(".")
        if root == "customer":
            return f"customer.get({name!r})"
        return f"{self._bind(values.reader(feature.of or ''))}(event)"

    def _count(self, feature: FeatureSpec) -> str:
        return f"float({self._ask(feature, 'count', feature.where)})"

    def _sum(self, feature: FeatureSpec) -> str:
        return self._ask(feature, "total", feature.where)

    def _mean(self, feature: FeatureSpec) -> str:
        return _or_default(self._ask(feature, "mean", feature.where), feature)

    def _maximum(self, feature: FeatureSpec) -> str:
        return _or_default(self._ask(feature, "maximum", feature.where), feature)

    def _distinct(self, feature: FeatureSpec) -> str:
        return f"float({self._ask(feature, 'distinct', feature.where)})"

    def _ratio(self, feature: FeatureSpec) -> str:
        part = self._ask(feature, "count", feature.where)
        whole = self._ask(feature, "count", feature.among)
        return f"ratio({part}, {whole}, {feature.default!r})"

    def _recency(self, feature: FeatureSpec) -> str:
        halved = feature.half_life is not None
        speed = duration((feature.half_life if halved else feature.time_constant) or "1d")
        curve, latest = "halve" if halved else "decay", self._ask(feature, "latest_at", feature.where)
        return f"({feature.default!r} if (_x := {latest}) is None else {curve}(at - _x, {speed}))"

    def _last(self, feature: FeatureSpec) -> str:
        return _or_default(self._ask(feature, "last", feature.where), feature)

    def _last_in(self, feature: FeatureSpec) -> str:
        members = f"customer.get({(feature.member_of or '').removeprefix('customer.')!r})"
        latest = self._ask(feature, "last", feature.where, numeric=False)
        return f"is_member({latest}, {members}, {feature.default!r})"

    def _balance(self, feature: FeatureSpec) -> str:
        slots = "before" if feature.previous else "slots"
        return f"session_balance({self._local(f'{slots}.get({self._demands.balance(feature)})')})"

    def _session_age(self, feature: FeatureSpec) -> str:
        return f"((at - session[0]) / 1e6 if session else {feature.default!r})"

    def _session_number(self, feature: FeatureSpec) -> str:
        return f"(float(session[1]) if session else {feature.default!r})"

    def _time_of_day(self, feature: FeatureSpec) -> str:
        return _PARTS[feature.part or "hour"].format(local=self._local("_local_time(at)"))

    def _number(self, feature: FeatureSpec) -> str:
        return _or_default(f"number({self._local(self._asked(feature))})", feature)

    def _size(self, feature: FeatureSpec) -> str:
        return f"size({self._asked(feature)}, {feature.default!r})"


_WEEKDAY = f"({{local}} // {DAY} + 3) % 7"  # 1970-01-01 was a Thursday
_ANGLE = f"{{local}} % {DAY} * {2 * math.pi / DAY!r}"
_PARTS = {
    "hour": f"float({{local}} // {HOUR} % 24)",
    "hour_sin": f"sin({_ANGLE})",
    "hour_cos": f"cos({_ANGLE})",
    "weekday": f"float({_WEEKDAY})",
    "weekend": f"float({_WEEKDAY} >= 5)",
}


def _or_default(source: str, feature: FeatureSpec) -> str:
    return f"({feature.default!r} if (_x := {source}) is None else _x)"
