"""Everything once: a slow picture, a fast one, a training, a film and an evaluation. ``python tour.py PHOTOS FILM``."""

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

# Train a network for a painting of your own; here, for the picture just made.
for progress in tfstyle.train("slow.png", "mine", photos, steps=50, crop=64, batch=2, begin_with="starry_night"):
    print(progress.step, progress.headline)

# Paint a film without flicker.
for progress in tfstyle.paint_film(film, "film.mp4", "mine"):
    print(progress.step, progress.headline)

# How good is the network? As good as this many iterations of the slow path.
evaluation = tfstyle.evaluate("mine", photos, count=1, sizes=(128,))
print(evaluation.sizes[128].median.iterations)
