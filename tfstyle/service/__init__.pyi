from . import (
    app,
    connections,
    core,
    guard,
    job_queue,
    job_routes,
    limits,
    memory,
    methods,
    optimize_job,
    page,
    painting_queue,
    schemas,
    server,
    stylize_routes,
    telemetry,
    uploads,
)
from .app import create
from .guard import Guard
from .limits import Limits
from .server import run

__all__ = [
    "Guard",
    "Limits",
    "app",
    "connections",
    "core",
    "create",
    "guard",
    "job_queue",
    "job_routes",
    "limits",
    "memory",
    "methods",
    "optimize_job",
    "page",
    "painting_queue",
    "run",
    "schemas",
    "server",
    "stylize_routes",
    "telemetry",
    "uploads",
]
