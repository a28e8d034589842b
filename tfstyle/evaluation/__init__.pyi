from . import benchmark, engines, metrics, scoring

__all__ = ["benchmark", "engines", "metrics", "scoring"]
