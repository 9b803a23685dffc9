"""The table of architectures, and `create`, which builds one by name.

To add an architecture: write its function in a module of its own, decorate it with
`@architecture`, and add one line to `ARCHITECTURES`.
"""

import difflib
import fnmatch
import importlib
import inspect

from zoo import applications

ARCHITECTURES = {
    "alexnet": "zoo.classifiers.alexnet",
    "all_convolutional": "zoo.classifiers.all_convolutional",
    "beta_vae": "zoo.autoencoders.beta_vae",
    "capsnet": "zoo.classifiers.capsnet",
    "compression_autoencoder": "zoo.autoencoders.compression",
    "concrete_autoencoder": "zoo.autoencoders.concrete",
    "conditional_vae": "zoo.autoencoders.conditional_vae",
    "context_module": "zoo.segmenters.context_module",
    "contractive_autoencoder": "zoo.autoencoders.contractive",
    "convnext_v2": "zoo.classifiers.convnext_v2",
    "convolutional_autoencoder": "zoo.autoencoders.convolutional",
    "cresceptron": "zoo.classifiers.cresceptron",
    "dannet": "zoo.classifiers.dannet",
    "deconvolutional_decoder": "zoo.decoders.deconvolution",
    "deep_autoencoder": "zoo.autoencoders.deep",
    "deep_linear_network": "zoo.classifiers.deep_linear_network",
    "deeplab": "zoo.segmenters.deeplab",
    "denoising_autoencoder": "zoo.autoencoders.denoising",
    "dense_autoencoder": "zoo.autoencoders.dense",
    "dilated_cnn": "zoo.classifiers.dilated",
    "dilated_resnet": "zoo.classifiers.dilated_resnet",
    "ds_cnn": "zoo.classifiers.ds_cnn",
    "efficientnet_lite": "zoo.classifiers.efficientnet_lite",
    "fcn": "zoo.segmenters.fcn",
    "fomo": "zoo.segmenters.fomo",
    "fsrcnn": "zoo.decoders.super_resolution",
    "googlenet": "zoo.classifiers.googlenet",
    "iwae": "zoo.autoencoders.importance_weighted",
    "k_sparse_autoencoder": "zoo.autoencoders.k_sparse",
    "ladder_vae": "zoo.autoencoders.ladder_vae",
    "lenet1": "zoo.classifiers.lenet",
    "lenet5": "zoo.classifiers.lenet",
    "lenet5_blur": "zoo.classifiers.lenet_blur",
    "lenet5_modern": "zoo.classifiers.lenet",
    "linear_autoencoder": "zoo.autoencoders.linear",
    "mcdnn": "zoo.classifiers.mcdnn",
    "mcunet": "zoo.classifiers.mcunet",
    "mdl_autoencoder": "zoo.autoencoders.minimum_description_length",
    "mobilenet_v1": "zoo.classifiers.mobilenet_v1",
    "mobilenet_v2": "zoo.classifiers.mobilenet_v2",
    "mobilenet_v3": "zoo.classifiers.mobilenet_v3",
    "neocognitron": "zoo.classifiers.neocognitron",
    "neural_abstraction_pyramid": "zoo.classifiers.neural_abstraction_pyramid",
    "resnet": "zoo.classifiers.resnet",
    "resnet8": "zoo.classifiers.resnet",
    "resnet_small": "zoo.classifiers.resnet",
    "semantic_hashing": "zoo.autoencoders.semantic_hashing",
    "separable_cnn": "zoo.classifiers.separable",
    "shufflenet_v2": "zoo.classifiers.shufflenet_v2",
    "siann": "zoo.classifiers.siann",
    "siann_segmenter": "zoo.segmenters.siann",
    "sparse_autoencoder": "zoo.autoencoders.sparse",
    "squeezenet": "zoo.classifiers.squeezenet",
    "stacked_autoencoder": "zoo.autoencoders.stacked",
    "stn_cnn": "zoo.classifiers.stn",
    "unet": "zoo.segmenters.unet",
    "upsampling_decoder": "zoo.decoders.upsampling",
    "vae": "zoo.autoencoders.vae",
    "vgg16": "zoo.classifiers.vgg16",
    "vq_vae": "zoo.autoencoders.vq_vae",
}


class UnknownArchitecture(ValueError):
    """No architecture has the name that was asked for."""


def architecture(function=None, *, smallest=None):
    """Marks `function` as an architecture, to be built by `zoo.create` under its own name.

    Args:
        smallest: Arguments of its smallest sensible size, which has every kind of layer that the
            default has and is built, trained and exported in seconds; the defaults if left out.
    """

    def marked(function):
        function.is_architecture = True
        function.smallest = dict(smallest or {})
        return function

    return marked(function) if function is not None else marked


def create(name, /, **arguments):
    """Builds the untrained model `name`.

    Args:
        name: One of `list_models()` or of `list_models("keras/*")`.
        **arguments: What the architecture's function takes; its defaults hold otherwise.

    Returns:
        A functional `keras.Model`.

    Raises:
        UnknownArchitecture: No architecture has that name.
        ValueError: It takes no such argument, or refuses a value.
    """
    function = find(name)
    _check_arguments(name, function, arguments)
    return function(**arguments)


def create_smallest(name, /):
    """Builds the architecture `name` at the smallest sensible size its module names."""
    return find(name)(**find(name).smallest)


def find(name):
    """The function behind the architecture `name`, its module imported.

    Raises:
        UnknownArchitecture: No architecture has that name.
    """
    if name in applications.NAMES:
        return applications.adopted(name)
    if name not in ARCHITECTURES:
        raise UnknownArchitecture(
            f"There is no architecture {name!r}.{_closest(name, [*ARCHITECTURES, *applications.NAMES])} "
            "`zoo.list_models()` lists all of them, and `zoo.list_models('keras/*')` those of Keras."
        )
    return getattr(importlib.import_module(ARCHITECTURES[name]), name)


def list_models(pattern="*"):
    """The names that match `pattern` (as file names do: `*`, `?`, `[abc]`), sorted.

    As in file names, `*` stops at a slash: only "keras/*" lists the architectures of
    `keras.applications`.
    """
    adopted = "/" in pattern
    return sorted(fnmatch.filter(applications.NAMES if adopted else ARCHITECTURES, pattern))


def _check_arguments(name, function, arguments):
    parameters = inspect.signature(function).parameters
    unknown = [argument for argument in arguments if argument not in parameters]
    if unknown:
        takes = ", ".join(str(parameter) for parameter in parameters.values())
        raise ValueError(
            f"{name} takes no argument {unknown[0]!r}.{_closest(unknown[0], parameters)} It takes: {takes}."
        )


def _closest(given, possible):
    matches = difflib.get_close_matches(str(given), possible, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
