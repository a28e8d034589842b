from . import data, loop, muon, trainer
from .loop import Progress, Training, last_network, target_for

__all__ = ["Progress", "Training", "data", "last_network", "loop", "muon", "target_for", "trainer"]
