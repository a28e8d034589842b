from . import benchmarking, engine_process, engines, metrics, scoring, speed, style_evaluation
from .benchmarking import Benchmark, BenchmarkProgress, benchmark, benchmark_steps
from .style_evaluation import Evaluation, EvaluationProgress, evaluate, evaluation_steps

__all__ = [
    "Benchmark",
    "BenchmarkProgress",
    "Evaluation",
    "EvaluationProgress",
    "benchmark",
    "benchmark_steps",
    "benchmarking",
    "engine_process",
    "engines",
    "evaluate",
    "evaluation_steps",
    "metrics",
    "scoring",
    "speed",
    "style_evaluation",
]
