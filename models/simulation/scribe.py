"""Writing signals down: ids, times, and only placements that the plan knows."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from models.simulation.customers import Facts
from models.times import Micros, moment
from schemas import Signal


@dataclass(slots=True)
class Scribe:
    """Writes one customer's signals of one occasion; ids are `OCCASION-0001` and so on."""

    customer_id: str
    occasion: str
    placements: Collection[str]
    written: list[Signal] = field(default_factory=list)

    def write(
        self,
        at: Micros,
        kind: str,
        channel: str,
        brand: str,
        *,
        page: str | None = None,
        device: str | None = None,
        asks: tuple[str, ...] = (),
        profile: Facts | None = None,
        **attributes: Any,
    ) -> Signal:
        """Add a signal at this time and return it; attributes that are None are left out."""
        signal = Signal(
            signal_id=f"{self.occasion}-{len(self.written) + 1:04d}",
            customer_id=self.customer_id,
            occurred_at=moment(at),
            type=kind,
            channel=channel,
            brand=brand,
            page=page,
            device_id=device,
            placements=tuple(name for name in asks if name in self.placements),
            attributes={name: value for name, value in attributes.items() if value is not None},
            profile=profile,
        )
        self.written.append(signal)
        return signal
