"""From arrays to batches: the order depends on the seed and the epoch alone, on every backend."""

import keras
import numpy as np

_BINARIZE_SEED = 20080101  # evaluation pixels are drawn once, the same in every run


def fixed_bernoulli(images, indices):
    """Images in [0, 1], each pixel drawn once: the same image always gives the same pixels."""
    drawn = [np.random.default_rng((_BINARIZE_SEED, int(i))).random(images.shape[1:]) for i in indices]
    return (np.stack(drawn).astype(np.float32) < images).astype(np.float32)


class Batches(keras.utils.PyDataset):
    """A subset of a split as batches `(x, y)`, `x` float32 (images in [0, 1]) and `y` int32, as stored.

    Args:
        subset: A `recipes.data.prepared.Subset`.
        batch_size: Examples a batch.
        shuffle: Seed of the order; `None` keeps the order and the last, smaller batch. Shuffled batches
            are all of one size, so that a compiled step is compiled once.
        epoch: Epoch to begin with, so that a resumed run sees the order it would have seen.
        binarize: Draw pixels with a fixed seed (evaluation); training draws them on the device.
        conditional: Give `x` as `{"image": …, "label": …}`.
        part: From the number of examples of a batch to the slice of them that this process feeds, where
            several share one; the batch size is that of all together.
    """

    def __init__(
        self, subset, batch_size, shuffle=None, epoch=0, binarize=False, conditional=False, part=None
    ):
        super().__init__()
        self.subset, self.seed, self.epoch, self.binarize = subset, shuffle, epoch, binarize
        self.conditional, self.part = conditional, part
        self.batch_size = min(batch_size, subset.size)
        self._reorder()

    def _reorder(self):
        if self.seed is None:
            self._order = self.subset.indices
        else:
            shuffler = np.random.default_rng((self.seed, self.epoch))
            self._order = shuffler.permutation(self.subset.indices)

    def __len__(self):
        whole, rest = divmod(self.subset.size, self.batch_size)
        return whole + (self.seed is None and rest > 0)

    def __getitem__(self, i):
        indices = self._order[i * self.batch_size : (i + 1) * self.batch_size]
        if self.part:
            indices = indices[self.part(len(indices))]
        x = self.subset.split.x[indices]
        x = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else np.asarray(x, np.float32)
        if self.binarize:
            x = fixed_bernoulli(x, indices)
        y = np.asarray(self.subset.split.y[indices], np.int32)
        return ({"image": x, "label": y} if self.conditional else x), y

    def on_epoch_end(self):
        self.epoch += 1
        self._reorder()


def images(recipe, subset):
    """A subset's images as the model is fed them, in one float32 array; in a dict with their labels if it takes both."""
    from recipes import tasks

    options = {"binarize": recipe.features.binarize, "conditional": tasks.conditional(recipe)}
    batches = Batches(subset, 256, **options)
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *(x for x, _ in batches))


def test_batches(recipe, data, progress=None, stage="scoring"):
    """Batches of the test split, in order, told to `progress`."""
    batches = Batches(data.test.take(range(len(data.test.y))), 256, binarize=recipe.features.binarize)
    for i in range(len(batches)):
        yield batches[i]
        if progress:
            progress(stage, i + 1, len(batches))
