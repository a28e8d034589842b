"""A shipped style's folder as training and scoring leave it, with made-up figures."""

import json

from tfstyle import config, stylebook

MEDIAN = {
    "total": 2.5,
    "content": 0.7512,
    "style": 0.0634,
    "iterations": 15.26,
    "structural_similarity": 0.418,
    "checkerboard": 2.04,
    "border_artifact": 5.55,
    "clipping": -0.0012,
    "blob_artifact": 81.4,
}


def stored(folder):
    folder.mkdir()
    stylebook.StyleFolder(folder).statistics.write_bytes(stylebook.load_all()["scream"].packed())
    scored = {"median": MEDIAN, "iterations": [9.9, 15.26, 21.1], "photos": {"a": {}, "b": {}, "c": {}}}
    evaluation = {
        "features": "vgg19",
        "sizes": {"256": scored, "512": {**scored, "iterations": [8.0, 12.0]}},
        "weave": {"flat": 0.0, "ramp": 4.26, "sky": 11.0},
        "runtime": "savedmodel",
        "speed": {"1024x768": {"median": 0.0612, "p95": 0.07, "memory": 900 * 2**20}},
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return folder


def made(**changes):
    settings = config.TrainingSettings(**changes).stored
    return {"train": "scream", "beginning": "abc", "data": ["photos", 3976], "settings": settings, "seconds": 372}
