"""A synthetic bank with a known truth: `Simulation`, and `write` for its files.

simulation = Simulation(SimulationConfig(customers=500, seed=7), plan.spec, plan.decide_fold())
manifest = write(simulation, Path("bank"))
"""

from models.simulation.config import SimulationConfig
from models.simulation.feeds import Arrival
from models.simulation.lives import Told
from models.simulation.simulation import Simulation
from models.simulation.truth import DRIVERS, Answer, ResponseModel
from models.simulation.writing import write

__all__ = [
    "DRIVERS",
    "Answer",
    "Arrival",
    "ResponseModel",
    "Simulation",
    "SimulationConfig",
    "Told",
    "write",
]
