"""Before a stack of layers is trained as one: each pair of layers learnt as a Boltzmann machine.

Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313, 2006:
a machine learns the data, the next one what the hidden units of that one make of the data, and so on.
Up the stack go the machines' weights, down it the same, transposed.
"""

import math

import keras
import numpy as np

from recipes.data import feeding
from recipes.data.prepared import Split
from recipes.errors import RecipeError, TrainingError
from zoo.layers.boltzmann import RestrictedBoltzmannMachine

MOMENTUM = 0.9
GAUSSIAN_SHARE = 0.01  # of the learning rate: as published, 0.001 beside 0.1
_CHUNK = 4096  # examples whose hidden units are computed at a time


def pretrain(context, model, progress=None):
    """Give `model` the first weights that Boltzmann machines learn, where the recipe asks for them.

    Everything random depends on the recipe's seed, and no generator that training uses is touched: a run
    that is killed in here begins here anew, and comes to the same end. Augmentation does not take part.

    Args:
        context: A `recipes.tasks.Context`: the recipe, and the examples that are learnt.
        model: An autoencoder that `machines` can read.
        progress: Called as `progress(stage, done, total)`.

    Raises:
        RecipeError: The model is no stack that Boltzmann machines can learn.
        TrainingError: A machine's weights became NaN or infinite.
    """
    recipe = context.recipe
    if recipe.pretraining.kind != "rbm":
        return
    pairs = machines(model)
    inputs = context.images(context.train).reshape(-1, math.prod(model.input_shape[1:]))
    for i, (up, down) in enumerate(pairs):
        kind = "gaussian" if up.activation is keras.activations.linear else "bernoulli"
        machine = RestrictedBoltzmannMachine(up.units, kind, seed=recipe.seed + i)
        machine.build(inputs.shape)
        machine.visible_bias.assign(_log_odds(inputs.mean(0)))
        teller = _Teller(i, len(pairs), f"{inputs.shape[1]}-{up.units}", progress)
        _learn(machine, inputs, recipe, teller)
        _hand_over(machine, up, down)
        if i + 1 < len(pairs):
            inputs = _hidden_means(up, inputs)


def machines(model):
    """The pairs of layers, one up and its mirror image down, that each hold one machine's weights.

    Raises:
        RecipeError: The model has no such pairs, or weights beside them.
    """
    up, down = (_dense(getattr(model, part, None)) for part in ("encoder", "decoder"))
    pairs = list(zip(up, reversed(down), strict=False))
    held = sum(layer.count_params() for pair in pairs for layer in pair)
    if not pairs or held != model.count_params() or not all(_mirrored(*pair) for pair in pairs):
        raise RecipeError(_refusal(model, "is no encoder of dense layers with a decoder that mirrors it"))
    sigmoid, linear = keras.activations.sigmoid, keras.activations.linear
    binary = all(layer.activation is sigmoid for layer in (*up[:-1], *down))
    if not binary or up[-1].activation not in (sigmoid, linear):
        raise RecipeError(_refusal(model, "has units that are neither sigmoid nor a linear code"))
    return pairs


def _dense(part):
    return [layer for layer in getattr(part, "layers", ()) if isinstance(layer, keras.layers.Dense)]


def _mirrored(up, down):
    return up.use_bias and down.use_bias and up.kernel.shape == down.kernel.shape[::-1]


def _refusal(model, reason):
    return (
        f"pretraining.kind=rbm: {model.name} {reason}. Give model=stacked_autoencoder, or model=deep_autoencoder "
        "with arguments.activation=sigmoid, or pretraining.kind=none"
    )


def _log_odds(means):
    """The first visible biases: those under which each unit is on as often as in the data (guide, section 8)."""
    means = np.clip(means, 0.01, 0.99)
    return np.log(means / (1 - means))


def _learn(machine, inputs, recipe, teller):
    """Train the machine on `inputs`, `(n, visible)`."""
    values = recipe.pretraining
    share = GAUSSIAN_SHARE if machine.kind == "gaussian" else 1
    learner = keras.Sequential([keras.Input(inputs.shape[1:]), machine])
    learner.compile(
        keras.optimizers.SGD(values.learning_rate * share, momentum=MOMENTUM),
        metrics=[keras.metrics.MeanMetricWrapper(_squared_error, name="squared_error")],
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",  # as in training itself
    )
    examples = Split(inputs, np.zeros(len(inputs), np.int32)).take(range(len(inputs)))
    batches = _Twice(examples, recipe.batch_size, shuffle=recipe.seed)
    # Keras's own shuffling, of whole batches, would move the generator that training shuffles with.
    learner.fit(batches, epochs=values.epochs, shuffle=False, callbacks=[teller], verbose=0)


def _squared_error(y_true, y_pred):
    """Summed over an example `(n, visible)`: `(n,)`."""
    return keras.ops.sum(keras.ops.square(y_true - y_pred), axis=-1)


def _hand_over(machine, up, down):
    up.kernel.assign(machine.kernel)
    up.bias.assign(machine.hidden_bias)
    down.kernel.assign(keras.ops.transpose(machine.kernel))
    down.bias.assign(machine.visible_bias)


def _hidden_means(up, inputs):
    """What the layer makes of `(n, visible)`: `(n, units)`."""
    chunks = (inputs[i : i + _CHUNK] for i in range(0, len(inputs), _CHUNK))
    return np.concatenate([keras.ops.convert_to_numpy(up(chunk)) for chunk in chunks])


class _Twice(feeding.Batches):
    """Batches whose target is the input itself."""

    def __getitem__(self, i):
        x, _ = super().__getitem__(i)
        return x, x


class _Teller(keras.callbacks.Callback):
    """Tells `progress` how far the `i`-th machine of `count` is, and stops where its numbers are none."""

    def __init__(self, i, count, sizes, progress):
        super().__init__()
        self.i, self.count, self.sizes, self.progress = i, count, sizes, progress

    def on_epoch_end(self, epoch, logs=None):
        error, epochs = logs["squared_error"], self.params["epochs"]
        if not math.isfinite(error):
            raise TrainingError(
                f"the weights of machine {self.i + 1} ({self.sizes}) are not numbers after epoch {epoch + 1} of "
                "its pre-training. Lower pretraining.learning_rate"
            )
        if self.progress:
            self.progress("pre-training", self.i * epochs + epoch + 1, self.count * epochs)
            told = f"squared_error {error:.4f}"
            self.progress(f"machine {self.i + 1} ({self.sizes}), epoch {epoch + 1}/{epochs}: {told}", 0, 0)
