"""Residual blocks, original, pre-activated and plain.

He et al., "Deep Residual Learning for Image Recognition", 2015, https://arxiv.org/abs/1512.03385,
and "Identity Mappings in Deep Residual Networks", 2016, https://arxiv.org/abs/1603.05027
"""

import dataclasses

from keras import layers

from zoo import arguments
from zoo.layers.blur import BlurPool2D
from zoo.layers.convolution import conv_bn, conv_bn_relu
from zoo.layers.normalization import batch_norm
from zoo.layers.shortcut import IdentityShortcut2D

VARIANTS = ("original", "preactivation", "plain")


@dataclasses.dataclass(frozen=True)
class Residual:
    """What the residual blocks of one network have in common.

    Attributes:
        variant: "original" adds before the last ReLU (He et al., 2015, figure 2); "preactivation"
            normalises and activates before each convolution and adds last (2016, figure 1b);
            "plain" has no shortcuts.
        bottleneck: Convolutions of 1 x 1, 3 x 3 and 1 x 1 with four times the channels (2015,
            figure 5), in the place of two of 3 x 3. The 3 x 3 one takes the stride.
        projection: Shortcuts that change the shape are 1 x 1 convolutions (2015, section 3.3,
            option B); without weights otherwise (option A).
        blur: Strides become a `BlurPool2D` behind the activation (Zhang, 2019, section 3.2,
            https://arxiv.org/abs/1904.11486), and before the shortcut's convolution.
    """

    variant: str
    bottleneck: bool = False
    projection: bool = True
    blur: bool = False

    def __post_init__(self):
        arguments.choice(self.variant, "variant", VARIANTS)


def residual_stage(x, filters, blocks, *, strides, kind, name, activated=False):
    """`blocks` blocks, of which the first has the `strides`.

    Args:
        x: `(n, h, w, c)`.
        filters: Channels of the 3 x 3 convolutions.
        blocks: How many.
        strides: Of the whole stage.
        kind: A `Residual`.
        name: Prefix of the layers' names: `{name}_block1_first_conv`, ...
        activated: Whether `x` comes straight from an activation: a pre-activated stage then does
            not activate again (He et al., 2016, appendix).

    Returns:
        `(n, ceil(h / strides), ceil(w / strides), filters)`; with bottlenecks `4 * filters`.
    """
    for i in range(blocks):
        x = residual_block(
            x,
            filters,
            strides=strides if i == 0 else 1,
            kind=kind,
            name=f"{name}_block{i + 1}",
            activated=activated and i == 0,
        )
    return x


def residual_block(x, filters, *, strides, kind, name, activated=False):
    """One block; see `residual_stage`."""
    if kind.variant == "preactivation":
        active = x if activated else bn_relu(x, name=f"{name}_pre")
        branch = _branch(active, filters, strides, kind, name)
        same = branch.shape == x.shape
        shortcut = x if same else _shortcut(active, branch.shape[-1], strides, kind, name)
        return layers.Add(name=f"{name}_add")([branch, shortcut])
    branch = _branch(x, filters, strides, kind, name)
    if kind.variant == "original":
        shortcut = x if branch.shape == x.shape else _shortcut(x, branch.shape[-1], strides, kind, name)
        branch = layers.Add(name=f"{name}_add")([branch, shortcut])
    return layers.ReLU(name=f"{name}_relu")(branch)


def bn_relu(x, *, name):
    """Batch normalisation `{name}_bn`, then `{name}_relu`."""
    return layers.ReLU(name=f"{name}_relu")(batch_norm(x, f"{name}_bn"))


def _branch(x, filters, strides, kind, name):
    if kind.bottleneck:
        x = conv_bn_relu(x, filters, 1, name=f"{name}_first")
        x = _strided(x, filters, strides, kind.blur, f"{name}_second")
        return _last(x, 4 * filters, 1, kind, f"{name}_third")
    x = _strided(x, filters, strides, kind.blur, f"{name}_first")
    return _last(x, filters, 3, kind, f"{name}_second")


def _strided(x, filters, strides, blur, name):
    if not blur or strides == 1:
        return conv_bn_relu(x, filters, 3, strides=strides, name=name)
    x = conv_bn_relu(x, filters, 3, name=name)
    return BlurPool2D(strides=strides, name=f"{name}_blur")(x)


def _last(x, filters, kernel_size, kind, name):
    if kind.variant != "preactivation":
        return conv_bn(x, filters, kernel_size, name=name)
    return _convolution(x, filters, kernel_size, f"{name}_conv")


def _shortcut(x, filters, strides, kind, name):
    if kind.blur and strides != 1:
        x, strides = BlurPool2D(strides=strides, name=f"{name}_shortcut_blur")(x), 1
    if not kind.projection:
        return IdentityShortcut2D(filters, strides, name=f"{name}_shortcut")(x)
    if kind.variant == "preactivation":
        return _convolution(x, filters, 1, f"{name}_shortcut_conv", strides)
    return conv_bn(x, filters, 1, strides=strides, name=f"{name}_shortcut")


def _convolution(x, filters, kernel_size, name, strides=1):
    """A convolution whose output goes into a sum and is normalised only behind it."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
