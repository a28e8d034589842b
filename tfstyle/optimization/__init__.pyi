from . import (
    comparison,
    memory,
    minimizers,
    outputs,
    plan,
    pyramid,
    recipes,
    reconstruction,
    run,
    series,
    session,
    transfer,
    variants,
)
from .comparison import compare
from .outputs import Outputs
from .reconstruction import reconstruct, reconstruct_layers
from .run import BrokenLoss, Iterate, Optimization
from .series import Entry, Series, SeriesProgress
from .session import Session
from .transfer import optimize, repeat

__all__ = [
    "BrokenLoss",
    "Entry",
    "Iterate",
    "Optimization",
    "Outputs",
    "Series",
    "SeriesProgress",
    "Session",
    "compare",
    "comparison",
    "memory",
    "minimizers",
    "optimize",
    "outputs",
    "plan",
    "pyramid",
    "recipes",
    "reconstruct",
    "reconstruct_layers",
    "reconstruction",
    "repeat",
    "run",
    "series",
    "session",
    "transfer",
    "variants",
]
