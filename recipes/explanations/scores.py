"""What is explained: the score of a class, the logit that a classifier gives it."""

import keras
import numpy as np
from keras import ops


def of_classes(model, images, classes):
    """The logits `(n,)` of `classes`, one an image."""
    logits = model(images, training=False)
    chosen = ops.one_hot(ops.convert_to_tensor(classes, "int32"), logits.shape[-1], dtype=logits.dtype)
    return ops.sum(logits * chosen, axis=-1)


def values(model, images, classes, batch=128):
    """The same as a NumPy array, of any number of images."""
    parts = [slice(i, i + batch) for i in range(0, len(images), batch)]
    return np.concatenate(
        [ops.convert_to_numpy(of_classes(model, images[part], classes[part])) for part in parts]
    )


def explainable(model):
    """Why `model` cannot be explained here, in words; `None` where it can."""
    if not isinstance(model, keras.Model) or len(model.inputs) != 1:
        return f"it takes {', '.join(tensor.name for tensor in model.inputs)}, not one image"
    if len(model.inputs[0].shape) != 4:
        return (
            f"it takes arrays of {tuple(model.inputs[0].shape[1:])}; explanations are pictures of images and "
            "spectrograms (height, width, channels)"
        )
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        return "it does not give one score a class"
    return None


def enlarged(maps, size):
    """Maps `(n, h, w)` at another `(height, width)`, between their values bilinearly."""
    maps = np.asarray(maps, np.float32)[..., None]
    grown = ops.image.resize(maps, size, interpolation="bilinear", data_format="channels_last")
    return ops.convert_to_numpy(grown)[..., 0]
