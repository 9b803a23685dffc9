"""The values of a recipe that say how a model learns: optimiser, augmentation, regularisation, pretraining."""

from typing import Annotated, Literal

import msgspec

from recipes.values import Count, Fraction, NotNegative, Positive, Size, Values


class Optimizer(Values, kw_only=True):
    """Optimiser and learning-rate schedule.

    Attributes:
        name: `adam`, `adamw` or `sgd` (with Nesterov momentum 0.9).
        learning_rate: Peak of the schedule.
        scaling: How the rate follows a batch size that is given in the place of the recipe's own, where no rate
            is given with it: `linear`, with its square root (`sqrt`), or `none`. `auto` is linear for `sgd`,
            the square root for `adam` and `adamw` (`recipes.scaling` says why).
        schedule: `constant`, or `cosine` decay to zero (Loshchilov and Hutter, 2017, eq. 5, one cycle).
        warmup: Share of all steps during which the rate rises linearly from zero.
        weight_decay: Decoupled weight decay (Loshchilov and Hutter, 2019); not applied by `adam`.
        clip_norm: Global norm that gradients are clipped to; none by default.
        clip_value: Bound that each value of a gradient is clipped to, either way, in its place; none by default.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    scaling: Literal["auto", "linear", "sqrt", "none"] = "auto"
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: Fraction = 0.0
    weight_decay: NotNegative = 0.0
    clip_norm: Positive | None = None
    clip_value: Positive | None = None


class Augmentation(Values, kw_only=True):
    """Random changes of the training images, made inside the compiled step; zero means off.

    Attributes:
        crop: Pixels of zeros put around an image before it is cut back to its size at a random place
            (He et al., 2016, section 4.2).
        translation: `(vertical, horizontal)` shift, at most this share of the size; zero-filled.
        rotation: At most this share of a full turn, either way.
        zoom: `(vertical, horizontal)` scaling, at most this share either way.
        elastic: `(alpha, sigma)` in pixels: the strength of random displacements and the width of the
            Gaussian that smooths them (Simard et al., 2003, section 2: 34 and 4 on MNIST).
        flip: Whether images are mirrored left to right at random.
        flip_vertical: Whether images are mirrored top to bottom at random.
        erasing: Greatest probability with which a random rectangle is erased (Zhong et al., 2020); an
            image's own is drawn between 0 and this.
        cutout: Side in pixels of a square of zeros around a random pixel (DeVries and Taylor, 2017).
        mixup: Alpha of the beta distribution of the weights with which images and labels are averaged
            in pairs (Zhang et al., 2018); for classification.
        cutmix: Alpha, at most 1, of that of the area which an image takes over from another, with its
            share of the label (Yun et al., 2019); for classification.
        equalization: Standard deviation of the linear and the quadratic gain that are added along the
            last axis but one, the frequency of a spectrogram, as microphones and rooms differ.
        binarize: Draw each pixel from a Bernoulli distribution whose mean is its intensity, anew for
            every epoch (Burda et al., 2016, section 5).
    """

    crop: Count = 0
    translation: tuple[Fraction, Fraction] = (0.0, 0.0)
    rotation: Fraction = 0.0
    zoom: tuple[Fraction, Fraction] = (0.0, 0.0)
    elastic: tuple[NotNegative, Positive] = (0.0, 4.0)
    flip: bool = False
    flip_vertical: bool = False
    erasing: Fraction = 0.0
    cutout: Count = 0
    mixup: NotNegative = 0.0
    cutmix: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    equalization: NotNegative = 0.0
    binarize: bool = False


class Regularization(Values, kw_only=True):
    """What keeps a model from learning its training images by heart; nothing by default.

    None of it is in the saved model or in a file. Label smoothing is a value of the recipe, weight decay
    one of the optimiser.

    Attributes:
        l1: Factor of the sum of the kernels' absolute values in the loss.
        l2: Factor of the sum of their squares; with `l1`, an elastic net (Zou and Hastie, 2005).
        max_norm: Largest Euclidean norm of the weights that come into a unit (Srivastava et al., 2014,
            section 5.1); they are scaled back to it after each step.
        dropout: Share of units dropped, in the place of the architecture's own.
        drop_connect: Share of weights dropped (Wan et al., 2013), for architectures that can.
        stochastic_pooling: Whether pooling draws from its window (Zeiler and Fergus, 2013), for
            architectures that can.
        early_stopping: Epochs without a lower validation loss after which training ends; the weights of
            the best epoch are kept.
    """

    l1: NotNegative = 0.0
    l2: NotNegative = 0.0
    max_norm: Positive | None = None
    dropout: Fraction | None = None
    drop_connect: Fraction | None = None
    stochastic_pooling: bool | None = None
    early_stopping: Size | None = None


class Masking(Values, kw_only=True):
    """How a convolutional network learns to fill in what is hidden (He et al., 2022; Woo et al., 2023, section 3).

    Attributes:
        ratio: Share of an image's patches that are hidden.
        patch_size: Side of a patch in pixels; it divides the image's.
        width: Channels of the decoder, one block that exists while pre-training lasts.
        batch_size: Images a step.
        learning_rate: Peak of a cosine schedule of AdamW.
    """

    ratio: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.6
    patch_size: Size = 4
    width: Size = 64
    batch_size: Size = 128
    learning_rate: Positive = 2e-3


class Pretraining(Values, kw_only=True):
    """What is learnt without labels before the model itself is trained; nothing by default.

    Attributes:
        kind: `none`; or `rbm`: each layer is first a restricted Boltzmann machine, trained by contrastive
            divergence with one step (Hinton and Salakhutdinov, 2006); for autoencoders of sigmoid units. Or
            `masked`: convolutional layers learn to fill in hidden patches of all training images, also of
            those that the recipe's `examples` leaves out.
        epochs: Passes over the training split, for each machine.
        learning_rate: Of machines of binary units; those of Gaussian units take a hundredth of it.
        masking: How patches are hidden and filled in, for `masked`.
    """

    kind: Literal["none", "rbm", "masked"] = "none"
    epochs: Size = 10
    learning_rate: Positive = 0.05
    masking: Masking = Masking()
