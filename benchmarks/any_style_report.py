"""The figures, the table and the contact sheet of `any_style`."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import judging
from tfstyle import images, reports

__all__ = ["report", "sheet", "table"]

# Contact sheet: long side of a picture in pixels, and characters that fit above it.
_CELL, _LABEL = 256, 34


def report(results: Sequence[judging.Result], kinds: Mapping[str, str]) -> dict:
    """Sums up.

    Args:
        results: from `judging.measure`.
        kinds: of the paintings, by file name.

    Returns:
        As JSON: medians of each engine over pictures, over paintings, and over the paintings of each kind; on how many
        paintings it is ahead; and its means of each painting.
    """
    means = _means(results)
    winners = {painting: min(scores, key=lambda name: scores[name].loss) for painting, scores in means.items()}
    return {
        "photos": _distinct(result.photo for result in results),
        "engines": {
            engine: {
                "pictures": _medians([result.score for result in results if result.engine == engine]),
                "paintings": _medians([scores[engine] for scores in means.values()]),
                "ahead": list(winners.values()).count(engine),
                "seconds": statistics.median(each.seconds for each in results if each.engine == engine),
                "preparation": statistics.median(each.preparation for each in results if each.engine == engine),
                "kinds": _by_kind({painting: scores[engine] for painting, scores in means.items()}, kinds),
            }
            for engine in _distinct(result.engine for result in results)
        },
        "paintings": {
            painting: {"kind": kinds[painting], "ahead": winners[painting]}
            | {engine: dataclasses.asdict(score) for engine, score in scores.items()}
            for painting, scores in means.items()
        },
    }


def _means(results: Sequence[judging.Result]) -> dict[str, dict[str, judging.Score]]:
    """Returns the means over photos by painting and engine."""
    scores: dict[str, dict[str, list[judging.Score]]] = {}
    for result in results:
        scores.setdefault(result.painting, {}).setdefault(result.engine, []).append(result.score)
    return {
        painting: {
            engine: judging.Score(
                statistics.mean(s.style for s in several), statistics.mean(s.content for s in several)
            )
            for engine, several in engines.items()
        }
        for painting, engines in scores.items()
    }


def _medians(scores: Sequence[judging.Score]) -> dict[str, float]:
    names = ("style", "content", "loss")
    return {"count": len(scores)} | {name: statistics.median(getattr(each, name) for each in scores) for name in names}


def _by_kind(scores: Mapping[str, judging.Score], kinds: Mapping[str, str]) -> dict[str, dict[str, float]]:
    found = sorted({kinds[painting] for painting in scores})
    return {kind: _medians([score for name, score in scores.items() if kinds[name] == kind]) for kind in found}


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def table(found: Mapping[str, Any]) -> str:
    """Writes a report as a table: a line per painting, then the medians of each engine.

    Args:
        found: from `report`.
    """
    engines, paintings = found["engines"], found["paintings"]
    lines = [f"{'style / content':40}" + "".join(f"{engine:>20}" for engine in engines)]
    for painting, each in paintings.items():
        lines.append(f"{painting[:38]:40}" + "".join(f"{_pair(each[engine]):>20}" for engine in engines))
    for engine, each in engines.items():
        lines.append(
            f"{engine}: median {_pair(each['pictures'])} over {each['pictures']['count']} pictures, "
            f"{_pair(each['paintings'])} over paintings; ahead on {each['ahead']} of {len(paintings)}; "
            f"{each['seconds']:.3f} s a picture, {each['preparation']:.3f} s to prepare a painting"
        )
        lines += [f"  {kind} ({several['count']}): {_pair(several)}" for kind, several in each["kinds"].items()]
    return "\n".join(lines)


def _pair(each: Mapping[str, float]) -> str:
    return f"{each['style']:.2f} / {each['content']:.2f}"


def sheet(results: Sequence[judging.Result], task: judging.Task) -> np.ndarray:
    """Arranges photo, painting and the engines' pictures in a row per painting; the photos take turns.

    Args:
        results: from `judging.measure`.
        task: that was measured.

    Returns:
        ``[H, W, 3]``, uint8.
    """
    cells: list[tuple[str, np.ndarray]] = []
    names = list(task.photos)
    for index, painting in enumerate(task.paintings):
        name = names[index % len(names)]
        cells += [(name, task.photos[name]), (painting.name, images.load_image(painting).rgb)]
        cells += [
            (f"{each.engine} {each.score.style:.2f} / {each.score.content:.2f}", each.picture)
            for each in results
            if (each.painting, each.photo) == (painting.name, name)
        ]
    labels, pictures = zip(*cells, strict=True)
    columns = 2 + len(task.engines)
    return reports.contact_sheet(pictures, [label[:_LABEL] for label in labels], columns=columns, cell=_CELL)
