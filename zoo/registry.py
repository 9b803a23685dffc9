"""The table of architectures, and `create`, which builds one by name.

To add an architecture: write its function in a module of its own, decorate it with
`@architecture`, and add one line to `ARCHITECTURES`.
"""

import difflib
import fnmatch
import importlib
import inspect

ARCHITECTURES = {
    "convolutional_autoencoder": "zoo.autoencoders.convolutional",
    "deconvolutional_decoder": "zoo.decoders.deconvolution",
    "dilated_cnn": "zoo.classifiers.dilated",
    "ds_cnn": "zoo.classifiers.ds_cnn",
    "lenet5": "zoo.classifiers.lenet",
    "lenet5_modern": "zoo.classifiers.lenet",
    "resnet8": "zoo.classifiers.resnet",
    "separable_cnn": "zoo.classifiers.separable",
    "upsampling_decoder": "zoo.decoders.upsampling",
    "vae": "zoo.autoencoders.vae",
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
        name: One of `list_models()`.
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
    if name not in ARCHITECTURES:
        raise UnknownArchitecture(
            f"There is no architecture {name!r}.{_closest(name, ARCHITECTURES)} "
            "`zoo.list_models()` lists all of them."
        )
    return getattr(importlib.import_module(ARCHITECTURES[name]), name)


def list_models(pattern="*"):
    """The names that match `pattern` (as file names do: `*`, `?`, `[abc]`), sorted."""
    return sorted(fnmatch.filter(ARCHITECTURES, pattern))


def _check_arguments(name, function, arguments):
    parameters = inspect.signature(function).parameters
    unknown = [argument for argument in arguments if argument not in parameters]
    if unknown:
        takes = ", ".join(str(parameter) for parameter in parameters.values())
        raise ValueError(
            f"{name} takes no argument {unknown[0]!r}.{_closest(unknown[0], parameters)} "
            f"It takes: {takes}."
        )


def _closest(given, possible):
    matches = difflib.get_close_matches(str(given), possible, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
