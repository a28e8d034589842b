from . import minimizers, planning, problem, recipes, run
from .run import BrokenLoss, Iterate, Optimization, optimize, reconstruct

__all__ = [
    "BrokenLoss",
    "Iterate",
    "Optimization",
    "minimizers",
    "optimize",
    "planning",
    "problem",
    "recipes",
    "reconstruct",
    "run",
]
