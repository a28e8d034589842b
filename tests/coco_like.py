"""A TensorFlow dataset with the features of COCO's that matter here; importing the module makes it known."""

from typing import ClassVar

import drawn
import numpy as np
import tensorflow_datasets as tfds

COUNT = 5


class CocoLike(tfds.core.GeneratorBasedBuilder):
    """Drawn photos, one of them grey, with boxes around nothing."""

    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name="2017", version="1.1.0")]

    def _info(self):
        objects = tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), "is_crowd": np.bool_})
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "image/filename": tfds.features.Text(),
            "objects": objects,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(COUNT):
            image = drawn.photo(80, 100 + index, seed=index)
            if index == 3:
                image = image[..., 0]
            box = {"bbox": tfds.features.BBox(0.1, 0.1, 0.5, 0.6), "is_crowd": False}
            name = f"{index:012d}.jpg"
            yield name, {"image": _stored(image), "image/filename": name, "objects": [box] * index}


def _stored(image):
    return drawn.file(image, "JPEG")
