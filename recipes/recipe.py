"""What a recipe is: typed values, validated before anything is trained.

The structures are frozen and keyword-only. Every value can be overridden by its dotted name, such as
`optimizer.learning_rate`, from the command line or from Python.
"""

from typing import Annotated, Any, Literal

import msgspec

from recipes.compressing import Clustering, Distillation, Pruning
from recipes.integers import Awareness, PostTraining
from recipes.values import Count, Finite, Fraction, Name, NotNegative, Positive, Size, Values

TaskName = Literal[
    "anomaly",
    "classification",
    "compression",
    "conditional_generation",
    "denoising",
    "feature_selection",
    "generation",
    "reconstruction",
    "representation",
    "retrieval",
    "segmentation",
    "super_resolution",
]
Precision = Literal["float32", "float16", "dynamic_int8", "int8", "int16x8", "int4"]


class Optimizer(Values, kw_only=True):
    """Optimiser and learning-rate schedule.

    Attributes:
        name: `adam`, `adamw` or `sgd` (with Nesterov momentum 0.9).
        learning_rate: Peak of the schedule.
        schedule: `constant`, or `cosine` decay to zero (Loshchilov and Hutter, 2017, eq. 5, one cycle).
        warmup: Share of all steps during which the rate rises linearly from zero.
        weight_decay: Decoupled weight decay (Loshchilov and Hutter, 2019); not applied by `adam`.
        clip_norm: Global norm that gradients are clipped to; none by default.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: Fraction = 0.0
    weight_decay: NotNegative = 0.0
    clip_norm: Positive | None = None


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


class Pretraining(Values, kw_only=True):
    """How layers are learnt one after the other before the model is trained as one; not at all by default.

    Attributes:
        kind: `none`, or `rbm`: each layer is first a restricted Boltzmann machine, trained by contrastive
            divergence with one step (Hinton and Salakhutdinov, 2006); for autoencoders of sigmoid units.
        epochs: Passes over the training split, for each machine.
        learning_rate: Of machines of binary units; those of Gaussian units take a hundredth of it.
    """

    kind: Literal["none", "rbm"] = "none"
    epochs: Size = 10
    learning_rate: Positive = 0.05


class Features(Values, kw_only=True):
    """How a data set's examples become the arrays a model is fed.

    Attributes:
        image_size: `(height, width)` that images are resized to; the data set's own size by default.
        binarize: Draw evaluation pixels once from a Bernoulli distribution with a fixed seed.
        front_end: `log_mel` or `mfcc` for audio; `none` for images.
        held_out: Speaker whose recordings are the test split; `none` splits at random where a data
            set has no test split of its own.
        left_out: Class that task `anomaly` does not learn, and has to report: its name, or `seed` for the
            class whose number is the recipe's seed modulo the number of classes.
    """

    image_size: tuple[Size, Size] | None = None
    binarize: bool = False
    front_end: Literal["none", "log_mel", "mfcc"] = "none"
    held_out: str = "none"
    left_out: str = "none"


class Evaluation(Values, kw_only=True):
    """What the measures of some tasks are taken with; the others take no notice of it.

    Attributes:
        importance_samples: Codes an image from which a generative model's likelihood is estimated.
        false_positive_rate: Share of ordinary examples that an anomaly detector may report.
        anomaly_error: `squared`, or `relative`: squared as a share of the example's own sum of squares, so that
            an example is not ordinary for holding little.
        noise_level: Of the noises that denoising removes: the standard deviation of the Gaussian one, and
            the share of values that masking and salt-and-pepper noise hit.
        probe_examples: Training examples, at most, whose codes a linear classifier is fitted to.
    """

    importance_samples: Size = 1000
    false_positive_rate: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    anomaly_error: Literal["squared", "relative"] = "squared"
    noise_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.25
    probe_examples: Size = 60_000


class Expected(Values, kw_only=True):
    """What the recipe must reach on the test split: `metric` at least or at most `value`."""

    metric: Name
    value: Finite
    at_least: bool = True

    def met_by(self, metrics):
        """Whether `metrics`, a dict of floats, reaches the expected value."""
        reached = metrics[self.metric]
        return reached >= self.value if self.at_least else reached <= self.value

    def __str__(self):
        return f"{self.metric} {'≥' if self.at_least else '≤'} {self.value:g}"


class Recipe(Values, kw_only=True):
    """One thing to train: architecture, data, task, training and what is expected of it.

    Attributes:
        name: The recipe's name everywhere; set by the registry.
        summary: First line of the recipe's docstring; set by the registry.
        model: Architecture, a name that `zoo.create` knows.
        arguments: Arguments of the architecture. `input_shape` and `classes` come from the data.
        data: A data set of tensorflow-datasets, `digits`, one that is generated from those (`edgezoo list
            datasets` shows them), or `folder:PATH`.
        features: How examples become arrays.
        task: What "good" means.
        epochs: Passes over the training split.
        batch_size: Images a step.
        optimizer: Optimiser and schedule.
        pretraining: How layers are learnt one by one before.
        augmentation: Random changes of the training images.
        regularization: What keeps the model from learning the training images by heart.
        pruning: How weights become zero.
        clustering: How weights come to share few values.
        distillation: Whose outputs are learnt beside the labels.
        quantization: `after` training, or `aware`: the trained model is fine-tuned with simulated integers.
        awareness: How it is, where it is.
        label_smoothing: Share of the target spread evenly over the classes (Szegedy et al., 2016).
        validation: Share of the training split held back for validation; never the test split.
        precisions: Files to export.
        calibration: Training images used to calibrate the integer files.
        post_training: How those are made.
        evaluation: What the task's measures are taken with.
        expected: What the unchanged recipe must reach.
        seed: Of the weights, the order of the examples, the augmentation and the validation split.
    """

    name: str = ""
    summary: str = ""
    model: Name
    arguments: dict[str, Any] = {}
    data: Name
    features: Features = Features()
    task: TaskName = "classification"
    epochs: Size = 10
    batch_size: Size = 128
    optimizer: Optimizer = Optimizer()
    pretraining: Pretraining = Pretraining()
    augmentation: Augmentation = Augmentation()
    regularization: Regularization = Regularization()
    pruning: Pruning = Pruning()
    clustering: Clustering = Clustering()
    distillation: Distillation = Distillation()
    quantization: Literal["after", "aware"] = "after"
    awareness: Awareness = Awareness()
    label_smoothing: Fraction = 0.0
    validation: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.1
    precisions: Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)] = (
        "float32",
        "float16",
        "dynamic_int8",
        "int8",
        "int16x8",
    )
    calibration: Size = 500
    post_training: PostTraining = PostTraining()
    evaluation: Evaluation = Evaluation()
    expected: Expected | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
