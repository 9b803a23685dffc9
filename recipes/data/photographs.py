"""`photographs` for tensorflow-datasets: grey pictures of the Berkeley set, from files in a manual folder.

Martin, Fowlkes, Tal & Malik, "A Database of Human Segmented Natural Images", ICCV 2001. Zhang, Zuo, Chen,
Meng & Zhang, "Beyond a Gaussian Denoiser", 2017, section IV-A, https://arxiv.org/abs/1608.03981, train on
400 of them cut to 180×180 pixels, `Train400`, and test on 68 others, `BSD68`; they publish both.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from recipes.errors import RecipeError

SIDE = 160  # pixels of an example
_PARTS = {"train": "Train400", "test": "BSD68"}


class Photographs(tfds.core.GeneratorBasedBuilder):
    """Squares of 160×160 grey pixels: the middle of each training picture, all tiles of each test picture.

    A test picture of 481×321 pixels is cut into six tiles that do not overlap; what is left at its right
    and lower border is not used. All have the one class there is.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Fetch https://github.com/cszn/DnCNN and put its folders `testsets/BSD68` and `Train400` (in "
        "`TrainingCodes/DnCNN_TrainingCodes_v1.0/data`), or the whole repository, into a subfolder "
        "`photographs` of the manual folder."
    )

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(SIDE, SIDE, 1)),
                "label": tfds.features.ClassLabel(names=["photograph"]),
            }
        )
        return self.dataset_info_from_configs(
            description="Grey photographs of the Berkeley segmentation data set.",
            features=features,
            supervised_keys=("image", "label"),
            homepage="https://github.com/cszn/DnCNN",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        manual = pathlib.Path(dl_manager.manual_dir)
        folders = {split: find(manual, name) for split, name in _PARTS.items()}
        return {split: self._generate_examples(folder, split) for split, folder in folders.items()}

    def _generate_examples(self, folder, split):
        cut = tiles if split == "test" else middle
        pictures = (cut(read(file)) for file in sorted(folder.glob("*.png")))
        for i, image in enumerate(square for squares in pictures for square in squares):
            yield i, {"image": image, "label": 0}


def find(manual, name):
    """The folder `name` with pictures, in `manual / "photographs"` or below, or in a subfolder of `manual`.

    Raises:
        RecipeError: There is none.
    """
    for pattern in (f"photographs/**/{name}", f"*/{name}"):
        for folder in sorted(manual.glob(pattern)):
            if next(folder.glob("*.png"), None):
                return folder
    raise RecipeError(
        f"{manual} holds no folder {name} with pictures.\n{Photographs.MANUAL_DOWNLOAD_INSTRUCTIONS}"
    )


def read(file):
    """A picture's grey levels, uint8 `(h, w, 1)`.

    Raises:
        RecipeError: It cannot be read, or is smaller than an example.
    """
    from PIL import Image

    try:
        with Image.open(file) as picture:
            image = np.asarray(picture.convert("L"))[..., None]
    except OSError as error:
        raise RecipeError(f"{file} cannot be read: {error}. Fetch it again") from error
    if min(image.shape[:2]) < SIDE:
        raise RecipeError(
            f"{file} has {image.shape[1]}×{image.shape[0]} pixels; expected at least {SIDE}×{SIDE}. "
            "Fetch the published picture, or take it out of the folder"
        )
    return image


def middle(image):
    """The square in the middle, the only one in a list."""
    top, left = ((size - SIDE) // 2 for size in image.shape[:2])
    return [image[top : top + SIDE, left : left + SIDE]]


def tiles(image):
    """All whole squares side by side from the upper left corner on."""
    tops, lefts = (range(0, size - SIDE + 1, SIDE) for size in image.shape[:2])
    return [image[top : top + SIDE, left : left + SIDE] for top in tops for left in lefts]
