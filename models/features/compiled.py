"""The feeds and columns of a plan for the kernel: the same as `program` and `emit` say in Python, as instructions."""

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from models.features import memory, series, values
from models.features.demands import TRAIL_KEY, Demands, Quantity
from models.features.demands import Feed as PythonFeed
from models.features.memory import BALANCE, LATEST, TALLY, TOTAL, Memory
from models.features.series import Series
from models.features.values import Read
from models.plan.spec import FeatureSpec
from models.times import duration
from schemas import Outcome, Signal

MAX_SLOTS = 256
"""Most different slots that one set of columns may read; beyond, Python reads them."""

_NAMES = ((TALLY, "tally"), (TOTAL, "total"), (LATEST, "latest"), (BALANCE, "balance"))
_CONVERT = {"number": values.number, "mark": values.mark, "any": lambda value: value}


def feeds(kernel: ModuleType, demands: Demands) -> Any:
    """`Feeds` of the kernel: what an event adds to its session, to the series, and to the trail."""
    trail = demands.memories.get(TRAIL_KEY)
    return kernel.Feeds(
        tuple(tuple(_fed(kernel, demands, feed) for feed in group) for group in demands.session_feeds()),
        tuple(tuple(_fed(kernel, demands, feed) for feed in group) for group in demands.rolling_feeds()),
        tuple(
            tuple(_feed(kernel, demands, key, None, read, "generic") for key, read in group)
            for group in demands.labels()
        ),
        TRAIL_KEY,
        trail.add if trail else None,
        demands.trail_size,
        tuple(
            (key, kept.reach, isinstance(kept, Series))
            for key, kept in demands.series.items()
            if key not in demands.kept
        ),
    )


def _fed(kernel: ModuleType, demands: Demands, feed: PythonFeed) -> Any:
    known = demands.series.get(feed.key)
    if known is not None:
        kind = "series" if isinstance(known, Series) else "generic"
        return _feed(kernel, demands, feed.key, feed.add, feed.read, kind, known.reach, known.keep_one)
    return _feed(kernel, demands, feed.key, feed.add, feed.read, _kind(demands.memories[feed.key]))


def _kind(kept: Memory) -> str:
    return next((name for each, name in _NAMES if each is kept), "generic")


def _feed(
    kernel: ModuleType,
    demands: Demands,
    key: int,
    add: Any,
    read: Read | None,
    kind: str,
    reach: int = 0,
    keep_one: bool = False,
) -> Any:
    source = demands.sources.get(read) if read else None
    change = source.change if source else None
    if read is None:
        return kernel.Feed(key, kind, add, "none", None, None, None, Signal, None, reach, keep_one)
    if kind == "balance" and source is None:
        kind = "generic"
    root, _, name = (source.path if source else "").partition(".attributes.")
    if source is None or not name:
        plain = "generic" if kind == "balance" else kind
        return kernel.Feed(key, plain, add, "read", read, None, None, Signal, None, reach, keep_one)
    owner = Signal if root == "signal" else Outcome
    return kernel.Feed(
        key, kind, add, source.kind, read, _CONVERT[source.kind], name, owner, change, reach, keep_one
    )


class Columns:
    """Collects the columns of one function in the order of the features."""

    def __init__(self, kernel: ModuleType, demands: Demands, time_zone: str) -> None:
        self._kernel = kernel
        self._demands = demands
        self._zone = time_zone
        self._slots: dict[tuple[str, int], int] = {}
        self._reads: dict[str, int] = {}
        self._columns: list[Any] = []

    def function(self, features: Sequence[FeatureSpec]) -> Any:
        """`Values` of the kernel; None if there is more than it can read."""
        columns = [column for feature in features for column in self._of(feature)]
        if len(self._slots) > MAX_SLOTS:
            return None
        zone = None if self._zone == "UTC" else values.local_time(self._zone)
        return self._kernel.Values(columns, list(self._slots), self._readers(), zone, values.number)

    def _of(self, feature: FeatureSpec) -> Iterator[Any]:
        column = self._kernel.Column
        if feature.kind == "one_hot":
            read = self._read(feature.of or "")
            is_text = (feature.of or "").startswith("signal.") and ".attributes." not in (feature.of or "")
            for name in feature.values:
                yield column(
                    "equal" if is_text else "is_one",
                    read=read,
                    name=name,
                    help=_equal if is_text else values.is_one,
                )
        else:
            yield column(**getattr(self, f"_{feature.kind}")(feature))

    def _slot(self, place: str, key: int) -> int:
        return self._slots.setdefault((place, key), len(self._slots))

    def _read(self, path: str) -> int:
        return self._reads.setdefault(path, len(self._reads))

    def _readers(self) -> list[Any]:
        found = []
        for path in self._reads:
            root, _, name = path.partition(".")
            if root == "customer":
                found.append(self._kernel.Read("customer", name, None, Signal))
                continue
            kind = "attribute" if name.startswith("attributes.") else "call"
            owner = Signal if root == "signal" else Outcome
            found.append(
                self._kernel.Read(kind, name.removeprefix("attributes."), values.reader(path), owner)
            )
        return found

    def _ask(
        self, feature: FeatureSpec, quantity: Quantity, where: str | None, *, numeric: bool = True
    ) -> Any:
        """The quantity in the window of the feature, as `Emitter._ask` writes it."""
        demands, of = self._demands, feature.of
        slots, packed = ("before", "earlier") if feature.previous else ("slots", "series")
        if feature.last is not None:
            label = demands.label(quantity, where, of, feature.last, numeric=numeric)
            slot, name = self._slot(slots, TRAIL_KEY), f"trail_{quantity}"
            return self._kernel.Ask(name, getattr(memory, name), slot, feature.last, label, None, 0)
        if feature.window == "session":
            key, name = demands.session(quantity, where, of, numeric=numeric), f"session_{quantity}"
            return self._kernel.Ask(name, getattr(memory, name), self._slot(slots, key), None, None, None, 0)
        delay = duration(feature.delay) if feature.delay else 0
        length = duration(feature.window) if feature.window else None
        key, name = demands.window(quantity, where, of, length, delay, numeric=numeric), f"window_{quantity}"
        low = None if length is None else delay + length
        return self._kernel.Ask(name, getattr(series, name), self._slot(packed, key), None, None, low, delay)

    def _count(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "count", "ask": self._ask(feature, "count", feature.where)}

    def _sum(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "sum", "ask": self._ask(feature, "total", feature.where)}

    def _mean(self, feature: FeatureSpec) -> dict[str, Any]:
        return {
            "code": "mean",
            "ask": self._ask(feature, "mean", feature.where),
            "default": feature.default,
        }

    def _maximum(self, feature: FeatureSpec) -> dict[str, Any]:
        ask = self._ask(feature, "maximum", feature.where)
        return {"code": "value", "ask": ask, "default": feature.default}

    def _distinct(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "count", "ask": self._ask(feature, "distinct", feature.where)}

    def _ratio(self, feature: FeatureSpec) -> dict[str, Any]:
        part, whole = (self._ask(feature, "count", where) for where in (feature.where, feature.among))
        return {"code": "ratio", "ask": part, "among": whole, "default": feature.default}

    def _recency(self, feature: FeatureSpec) -> dict[str, Any]:
        halved = feature.half_life is not None
        speed = duration((feature.half_life if halved else feature.time_constant) or "1d")
        ask, curve = (
            self._ask(feature, "latest_at", feature.where),
            values.halve if halved else values.decay,
        )
        more = {"speed": speed, "halved": halved, "help": curve}
        return {"code": "recency", "ask": ask, "default": feature.default, **more}

    def _last(self, feature: FeatureSpec) -> dict[str, Any]:
        return {
            "code": "value",
            "ask": self._ask(feature, "last", feature.where),
            "default": feature.default,
        }

    def _last_in(self, feature: FeatureSpec) -> dict[str, Any]:
        ask = self._ask(feature, "last", feature.where, numeric=False)
        more = {
            "name": (feature.member_of or "").removeprefix("customer."),
            "help": values.is_member,
        }
        return {"code": "last_in", "ask": ask, "default": feature.default, **more}

    def _balance(self, feature: FeatureSpec) -> dict[str, Any]:
        place = "before" if feature.previous else "slots"
        return {"code": "balance", "slot": self._slot(place, self._demands.balance(feature))}

    def _session_age(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "session_age", "default": feature.default}

    def _session_number(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "session_number", "default": feature.default}

    def _time_of_day(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "time_of_day", "part": feature.part or "hour"}

    def _number(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "number", "read": self._read(feature.of or ""), "default": feature.default}

    def _size(self, feature: FeatureSpec) -> dict[str, Any]:
        return {"code": "size", "read": self._read(feature.of or ""), "default": feature.default}


def _equal(value: Any, name: str) -> float:
    return float(value == name)
