"""What a recipe is: typed values, validated before anything is trained.

The structures are frozen and keyword-only. Every value can be overridden by its dotted name, such as
`optimizer.learning_rate`, from the command line or from Python.
"""

from typing import Annotated, Any, Literal

import msgspec

from recipes.compressing import Clustering, Distillation, Pruning
from recipes.diagnosing import Diagnostics
from recipes.engine import Engine
from recipes.integers import Awareness, PostTraining
from recipes.learning import Augmentation, Optimizer, Pretraining, Regularization
from recipes.transfer import Transfer
from recipes.values import Count, Finite, Fraction, Name, Size, Values

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
        folds: Parts that the training split is cut into, one of which is the test split; 0 for the data
            set's own.
        fold: Which of them, from 0 on.
    """

    image_size: tuple[Size, Size] | None = None
    binarize: bool = False
    front_end: Literal["none", "log_mel", "mfcc"] = "none"
    held_out: str = "none"
    left_out: str = "none"
    folds: Count = 0
    fold: Count = 0


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
        examples: Examples of the training split that may be learnt, validation among them, chosen by class and
            with the seed; all by default.
        epochs: Passes over the training split.
        batch_size: Images a step.
        optimizer: Optimiser and schedule.
        engine: How a machine computes the training: precision, compiler, batches an update.
        pretraining: What is learnt before, without labels.
        transfer: Which trained weights it begins with, and how they are fine-tuned.
        augmentation: Random changes of the training images.
        regularization: What keeps the model from learning the training images by heart.
        pruning: How weights become zero.
        clustering: How weights come to share few values.
        distillation: Whose outputs are learnt beside the labels.
        quantization: `after` training, or `aware`: the trained model is fine-tuned with simulated integers.
        awareness: How it is, where it is.
        diagnostics: How gradients, units and activations are looked at while it trains.
        label_smoothing: Share of the target spread evenly over the classes (Szegedy et al., 2016).
        validation: Share of the training split held back for validation; never the test split.
        precisions: Files to export.
        calibration: Training images used to calibrate the integer files.
        post_training: How those are made.
        evaluation: What the task's measures are taken with.
        expected: What the unchanged recipe must reach.
        space: What `edgezoo tune` searches, ranges by dotted name; `recipes.tuning.dimensions` says how.
        seed: Of the weights, the order of the examples, the augmentation and the validation split.
    """

    name: str = ""
    summary: str = ""
    model: Name
    arguments: dict[str, Any] = {}
    data: Name
    features: Features = Features()
    task: TaskName = "classification"
    examples: Size | None = None
    epochs: Size = 10
    batch_size: Size = 128
    optimizer: Optimizer = Optimizer()
    engine: Engine = Engine()
    pretraining: Pretraining = Pretraining()
    transfer: Transfer = Transfer()
    augmentation: Augmentation = Augmentation()
    regularization: Regularization = Regularization()
    pruning: Pruning = Pruning()
    clustering: Clustering = Clustering()
    distillation: Distillation = Distillation()
    quantization: Literal["after", "aware"] = "after"
    awareness: Awareness = Awareness()
    diagnostics: Diagnostics = Diagnostics()
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
    space: dict[str, str] = {}
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
