from . import (
    app,
    core,
    guard,
    job_queue,
    job_routes,
    limits,
    optimize_job,
    page,
    painting_queue,
    schemas,
    stylize_routes,
    telemetry,
    uploads,
)
from .app import create
from .guard import Guard
from .limits import Limits

__all__ = [
    "Guard",
    "Limits",
    "app",
    "core",
    "create",
    "guard",
    "job_queue",
    "job_routes",
    "limits",
    "optimize_job",
    "page",
    "painting_queue",
    "schemas",
    "stylize_routes",
    "telemetry",
    "uploads",
]
