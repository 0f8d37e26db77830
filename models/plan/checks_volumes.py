"""Meaning of volume constraints: one window each, a bound, and bounds that can both be kept."""

from collections.abc import Iterator

from models.plan.findings import Finding
from models.plan.names import repeated, taken, unknown_names
from models.plan.spec import PlanSpec, VolumeSpec
from models.plan.structure import Place
from models.times import duration

MAX_VOLUMES = 100


def volume_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """What of the volume constraints cannot mean anything."""
    contact = root / "contact"
    volumes = spec.contact.volumes
    if len(volumes) > MAX_VOLUMES:
        yield (contact / "volumes").finding("too many volume constraints", f"use at most {MAX_VOLUMES}")
    ids: dict[str, Place] = {}
    for index, suppression in enumerate(spec.contact.suppressions):
        ids.setdefault(suppression.id, contact / "suppressions" / index / "id")
    for index, limit in enumerate(spec.contact.limits):
        ids.setdefault(limit.id, contact / "limits" / index / "id")
    for index, volume in enumerate(volumes):
        place = contact / "volumes" / index
        yield from taken(ids, volume.id, place / "id")
        yield from _window(volume, place)
        yield from _bounds(volume, place)
        yield from _about(volume, spec, place)


def _window(volume: VolumeSpec, place: Place) -> Iterator[Finding]:
    if volume.per is not None and volume.calendar is not None:
        message = f"two windows: any {volume.per}, and each {volume.calendar}"
        yield place.finding(message, "keep one; for both, write two constraints")
    elif volume.per is None and volume.calendar is None:
        remedy = "add per: 1d (any 24 hours), or calendar: day (each day anew)"
        yield place.finding("no window to count in", remedy)
    if volume.per is not None and duration(volume.per) == 0:
        yield (place / "per").finding(f"{volume.per} is no time at all", "write a longer one, e.g. 1d")


def _bounds(volume: VolumeSpec, place: Place) -> Iterator[Finding]:
    if volume.at_most is None and volume.at_least is None:
        yield place.finding("neither at_most nor at_least", "say how many, e.g. at_most: 1000")
    elif volume.at_most is not None and volume.at_least is not None and volume.at_least > volume.at_most:
        message = f"at_least {volume.at_least} is more than at_most {volume.at_most}"
        yield (place / "at_least").finding(message, "swap them")


def _about(volume: VolumeSpec, spec: PlanSpec, place: Place) -> Iterator[Finding]:
    yield from unknown_names(place / "channels", volume.channels, spec.channels, "channel")
    yield from unknown_names(place / "brands", volume.brands, spec.brands, "brand")
    yield from repeated(place / "channels", volume.channels)
    yield from repeated(place / "brands", volume.brands)
    known = [spec.channels[name] for name in volume.channels or spec.channels if name in spec.channels]
    if volume.directions and known and not any(each.direction in volume.directions for each in known):
        among = "of these channels" if volume.channels else "of the plan"
        message = f"no channel {among} is {' or '.join(volume.directions)}"
        yield (place / "directions").finding(message, "remove the directions, or change the channels")
