"""One signature of a run's model or of a file, ready to be asked."""

import dataclasses
from collections.abc import Callable

from recipes.cli import files

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Asked:
    """A signature and what it takes.

    Attributes:
        predict: `predict(batch, signature)`, of a Keras model or a file.
        name: The signature's.
        shape: Of one example, without the label that some models take beside it.
        input: Name of that input.
        label: Number of the class, for models that take one; else `None`.
        logits: Whether what it gives is the logits of pixels.
    """

    predict: Callable
    name: str
    shape: tuple[int, ...]
    input: str
    label: int | None
    logits: bool

    def __call__(self, examples):
        """What it gives for examples `(n, *shape)`: an array, or several by name."""
        import keras
        import numpy as np

        parts = [self._batch(examples[i : i + _BATCH]) for i in range(0, len(examples), _BATCH)]
        return keras.tree.map_structure(lambda *rows: np.concatenate([np.asarray(r) for r in rows]), *parts)

    def pictures(self, examples):
        """What it gives for examples, with logits brought to [0, 1]."""
        from scipy.special import expit

        given = self(examples)
        return expit(given) if self.logits else given

    def _batch(self, examples):
        import numpy as np

        if self.label is None:
            return self.predict(examples, self.name)
        labels = np.full(len(examples), self.label, np.int32)
        return self.predict({self.input: examples, "label": labels}, self.name)


def ask(predict, target, signature=None, label=None, classes=()):
    """The `Asked` of `signature`; the first there is by default.

    Args:
        predict: What `files.predictor` gave.
        target: Where that came from, for errors.
        signature: A name, or `None`.
        label: Number or name of a class, or `None`.
        classes: The names of the classes, where they are known.

    Raises:
        RecipeError: There is no such signature, or the label is missing, unknown, or one too many.
    """
    from recipes import parts

    inputs = files.inputs_of(predict)
    name = signature or next(iter(inputs))
    parts.check(name, inputs, f"{target} has")
    (main,) = [key for key in inputs[name] if key != "label"]
    return Asked(
        predict=predict,
        name=name,
        shape=inputs[name][main],
        input=main,
        label=_label(label, "label" in inputs[name], name, classes),
        logits=name == "decode" and "sample" in inputs,  # as in variational autoencoders
    )


def _label(given, wanted, signature, classes):
    from recipes.errors import RecipeError

    possible = f"Possible: {', '.join(classes)}" if classes else "Give its number, from 0 on"
    if given is None and wanted:
        raise RecipeError(f"{signature!r} takes a class beside its input: give --label. {possible}")
    if given is None:
        return None
    if not wanted:
        raise RecipeError(f"--label {given}: {signature!r} takes no class; leave it out")
    if given in classes:
        return classes.index(given)
    if not given.isdecimal() or (classes and int(given) >= len(classes)):
        raise RecipeError(f"--label {given}: there is no such class. {possible}")
    return int(given)
