"""Makes `keras.saving.load_model` know the classes of this package.

Keras resolves a custom class only if the module that registers it was imported, and `import zoo`
imports no Keras. So the modules that hold such classes are imported as soon as Keras itself is.
"""

import importlib
import sys
from importlib.abc import MetaPathFinder

MODULES = (
    "zoo.autoencoders.autoencoder",
    "zoo.autoencoders.concrete",
    "zoo.autoencoders.conditional_vae",
    "zoo.autoencoders.importance_weighted",
    "zoo.autoencoders.ladder_vae",
    "zoo.autoencoders.vq_vae",
    "zoo.classifiers.auxiliary",
    "zoo.layers.attention",
    "zoo.layers.bicubic",
    "zoo.layers.bilinear",
    "zoo.layers.binary_code",
    "zoo.layers.blur",
    "zoo.layers.boltzmann",
    "zoo.layers.capsules",
    "zoo.layers.channel_pooling",
    "zoo.layers.channel_shuffle",
    "zoo.layers.circular",
    "zoo.layers.concrete_selector",
    "zoo.layers.contraction",
    "zoo.layers.corruption",
    "zoo.layers.drop_connect",
    "zoo.layers.entropy_bottleneck",
    "zoo.layers.factorial_code",
    "zoo.layers.global_response",
    "zoo.layers.heaviside",
    "zoo.layers.identity",
    "zoo.layers.k_sparse",
    "zoo.layers.l2_pooling",
    "zoo.layers.local_response",
    "zoo.layers.locally_connected",
    "zoo.layers.margin_loss",
    "zoo.layers.maxout",
    "zoo.layers.multi_dilation",
    "zoo.layers.neocognitron_cells",
    "zoo.layers.partial_connections",
    "zoo.layers.patch_masking",
    "zoo.layers.radial",
    "zoo.layers.rbf_output",
    "zoo.layers.resize",
    "zoo.layers.roi_pooling",
    "zoo.layers.sampling",
    "zoo.layers.scaled_tanh",
    "zoo.layers.shortcut",
    "zoo.layers.sparsity",
    "zoo.layers.spatial_transformer",
    "zoo.layers.stochastic_pooling",
    "zoo.layers.subsampling",
    "zoo.layers.unpooling",
    "zoo.layers.vector_quantizer",
)


def register_with_keras():
    """Registers the classes now if Keras is loaded, else right after it is."""
    if sys.modules.get("keras") is not None:
        _import_modules()
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


def _import_modules():
    for module in MODULES:
        importlib.import_module(module)


class _KerasFinder(MetaPathFinder):
    """Finds Keras as the other finders do, and has its loader import `MODULES` at the end."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _run_afterwards(spec.loader)
        return spec


def _run_afterwards(loader):
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        _import_modules()

    # The instance keeps its type, so that `inspect` and `importlib.resources` work as before.
    loader.exec_module = exec_module
