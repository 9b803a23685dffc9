"""`digits` for tensorflow-datasets: scikit-learn's 1,797 handwritten digits, nothing to download.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49: the test part of that set, 8×8 pixels of 17 grey levels.
"""

import collections

import numpy as np
import tensorflow_datasets as tfds


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 real digits of 8×8 pixels; every fifth example of each class is in the test split."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(8, 8, 1)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
        )
        return self.dataset_info_from_configs(
            description="Handwritten digits of 8x8 pixels, from scikit-learn.",
            features=features,
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(test=False), "test": self._generate_examples(test=True)}

    def _generate_examples(self, test):
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # 0…16 → 0…255
        seen = collections.Counter()
        for i, (image, label) in enumerate(zip(images, digits.target.tolist(), strict=True)):
            seen[label] += 1
            if (seen[label] % 5 == 0) == test:
                yield i, {"image": image, "label": label}
