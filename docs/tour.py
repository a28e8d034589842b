"""A complete tour: optimize a picture, stylize one, train, paint a video, evaluate: ``python tour.py PHOTOS VIDEO``."""

import pathlib
import sys

import tfstyle

photos, film = pathlib.Path(sys.argv[1]), sys.argv[2]
photo = tfstyle.load_image(next(photos.glob("*.jpg")), size=192)

# The slow path: optimize the pixels of one picture.
for iterate in tfstyle.optimize(photo, "starry_night", features="compact", iterations=(20,)):
    print(iterate.step, iterate.headline)
tfstyle.save_image("slow.png", iterate.image)

# The fast path: one pass of a trained network over an array.
stylizer = tfstyle.Stylizer("starry_night")
tfstyle.save_image("fast.png", stylizer(photo.rgb.astype("uint8")))

# Train a network for your own painting; here, the picture from the first step.
for progress in tfstyle.train("slow.png", "mine", photos, steps=50, crop=64, batch=2, begin_with="starry_night"):
    print(progress.step, progress.headline)

# Paint a video without flicker.
for progress in tfstyle.paint_film(film, "film.mp4", "mine"):
    print(progress.step, progress.headline)

# How good is the network? One pass is worth this many iterations of the slow path.
evaluation = tfstyle.evaluate("mine", photos, count=1, sizes=(128,))
print(evaluation.sizes[128].median.iterations)
