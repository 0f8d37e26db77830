"""The Beam adapter that the steps without state share."""

from collections.abc import Callable, Iterator
from typing import Any

from models.funnel import Funnel
from transforms.discreet import DiscreetFn
from transforms.plan_source import PlanSource


class FunnelFn(DiscreetFn):
    """Beam adapter for one function of the funnel; the plan is loaded once per process."""

    def __init__(self, plan: PlanSource, step: Callable[[Funnel, Any], Any]) -> None:
        self._plan = plan
        self._step = step

    def start_bundle(self) -> None:
        """Get the plan."""
        self._funnel = self._plan.load().funnel

    def process(self, element: Any) -> Iterator[Any]:
        """One to one."""
        yield self._step(self._funnel, element)
