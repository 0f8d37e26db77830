"""A bank's customers, what they do, and how they answer: generated, with the truth known."""

from collections.abc import Iterator

from models.plan.spec import PlanSpec
from models.simulation.config import SimulationConfig
from models.simulation.feeds import Arrival, arrivals_of
from models.simulation.lives import Decider, Teller, Told
from models.simulation.truth import ResponseModel


class Simulation:
    """A closed loop: events are decided by `fold` as they happen, and customers answer what was offered.

    Deterministic: the same configuration, plan and fold give the same bytes. A customer's events depend on the
    seed and their number only, so the first hundred customers are the same in every simulation of a seed.

    Args:
      config: Size, period, seed and the rates of noise.
      spec: The plan; its actions, placements and time zone are used, not its rules.
      fold: What decides, e.g. `Plan.load(path).decide_fold()`; None: nothing is ever offered.
    """

    def __init__(self, config: SimulationConfig, spec: PlanSpec, fold: Decider | None = None) -> None:
        self.config = config
        self.spec = spec
        self.model = ResponseModel(spec, config.seed)
        self._teller = Teller(config, spec, self.model, fold)

    def customers(self) -> Iterator[Told]:
        """Everything that happened, one customer after the other; nothing is kept."""
        return map(self._teller.tell, range(self.config.customers))

    def arrivals(self) -> Iterator[Arrival]:
        """All lines of both feeds in the order they arrive. Holds them in memory; `write` does not."""
        lines = [line for told in self.customers() for line in arrivals_of(told, self.config)]
        lines.sort(key=lambda line: line.arrives_at)  # stable: ties in order of customers
        return iter(lines)
