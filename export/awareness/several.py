"""A model of several signatures that trains with simulated integers."""

import copy
import inspect

import keras
import numpy as np

from .. import flatbuffer
from ..errors import InvalidInput
from ..full_precision import full_precision
from ..quantization import quantize
from ..signatures import named_models
from ..tflite import check_calibration, float_conversion
from . import weights
from .aligning import aligned
from .building import build
from .finding import GONE, acting, first_rows, in_training
from .interface import Interface
from .joining import without_requantising
from .making import integer_source
from .operator_layer import QuantizedOperator
from .plan import Plan
from .sharing import Library
from .structure import read
from .template import QuantizedTemplate


def make(model, signatures, precision, calibration, ranges):
    """The `QuantizedSignatures` of named models; see `quantization_aware`."""
    parts = named_models(model, signatures)
    calibration = _listed(check_calibration(parts, (precision,), calibration))
    within = models_within(signatures)
    source = source_of(float_conversion(model, parts), parts, within)
    integer = quantize(source, precision, calibration)
    rows = {name: first_rows(calibration[name], part) for name, part in parts.items()}
    return QuantizedSignatures(planned(parts, within, source, integer, rows, precision, ranges))


def source_of(float_file, parts, within):
    """The float32 file that has the operators of the integer file, and the same weights in all signatures."""
    return aligned(integer_source(float_file), _trained(parts, within))


def planned(parts, within, source, integer, rows, precision="int8", ranges="moving_average"):
    """The `Plan` of named models and their files.

    Args:
        parts: The models by signature, the main one first.
        within: The signatures of those that are layers of the main one, by the layers' names.
        source: The float32 file of `source_of`.
        integer: The file of integers made from it.
        rows: A batch of what each model takes.
        precision, ranges: See `quantization_aware`.
    """
    main = next(iter(parts.values()))
    plan = Plan(
        name=f"{main.name}_aware",
        integer=without_requantising(integer),
        float32=source,
        precision=precision,
        ranges=ranges,
        interfaces={name: Interface.of(part) for name, part in parts.items()},
        parts=within,
    )
    for name in plan.trained:
        with full_precision(parts[name]):
            plan.acting[name] = acting(parts[name], rows[name], *_graph(plan, name))
    if within:
        with full_precision(main):
            plan.whole = keras.saving.serialize_keras_object(main)
        plan.kept.update(_kept(main, within, rows[next(iter(parts))]))
    return plan


def models_within(signatures):
    """The signatures of models that are layers of the main one, by the layers' names."""
    main = next(iter(named_models(None, signatures).values()))
    return {layer.name: name for name, part in signatures.items() for layer in main.layers if layer is part}


def _trained(parts, within):
    """The signatures whose graphs are trained."""
    return list(within.values()) or list(parts)[:1]


def _listed(calibration):
    """Data that can be read more than once."""
    return {
        name: [part] if isinstance(part, np.ndarray) else list(part) for name, part in calibration.items()
    }


@keras.saving.register_keras_serializable("export")
class QuantizedSignatures(keras.Model):
    """Models of several signatures that compute as those of a file will, and learn to.

    Called at inference, it is the main signature. In training it is the original model, in which the models of
    signatures within it compute in integers, while what lies between them and acts in training only stays in
    float: what draws a sample, adds noise, asks a price. What the original offers beside its call, such as
    `encoder`, it offers with these models.

    Args:
        plan: A `Plan`.

    Attributes:
        twins: A functional model a signature. They share weights, and ranges where they compute the same.
    """

    def __init__(self, plan):
        twins = _twins(plan)
        main = next(iter(twins.values()))
        super().__init__(main.input, main.output, name=plan.name)
        self.twins, self.plan = twins, plan
        self.trained = _composed(plan, twins) if plan.parts else main
        _check_shared(twins, self.trained)

    @property
    def signatures(self):
        """The model of each signature, as `export_model` takes them."""
        return dict(self.twins)

    def call(self, inputs, training=None, mask=None):
        trained = self.trained(inputs, training=training)  # at inference for what it adds to the losses
        whole = training or not self.plan.parts
        return trained if whole else super().call(inputs, training=training, mask=mask)

    def __getattr__(self, name):
        trained = self.__dict__.get("trained")
        if name.startswith("_") or trained is None:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(trained, name)

    def __dir__(self):
        # Saving walks every listed attribute, and `twins` holds these models already.
        return [name for name in super().__dir__() if name != "signatures"]

    def get_config(self):
        return self.plan.config()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(Plan.from_config(config))


def _twins(plan):
    """The models of all signatures, those that are trained first to be made."""
    library, names = Library(), {part: layer for layer, part in plan.parts.items()}
    made = {}
    for name in sorted(plan.interfaces, key=lambda name: name not in plan.trained):
        ranges = plan.ranges if name in plan.trained else "fixed"
        made[name] = _twin(plan, name, library, ranges, plan.acting.get(name), names.get(name, name))
    return {name: made[name] for name in plan.interfaces}


def _twin(plan, name, library, ranges, acting=None, called=None):
    interface = plan.interfaces[name]
    template = QuantizedTemplate(
        plan.integer, plan.float32, plan.precision, name, interface.outputs, name="template"
    )
    structure, floats = _graph(plan, name)
    options = {"library": library, "acting": acting, "name": called}
    return build(interface, structure, floats, template, ranges, True, **options)


def _graph(plan, name):
    """The `Structure` of a signature, and the weights of its float file."""
    return read(plan.integer, name), weights.of(flatbuffer.parse(plan.float32), name)


def _composed(plan, twins):
    """The original model with twins in the place of the models within; those with nothing to learn stay."""
    whole = keras.saving.deserialize_keras_object(copy.deepcopy(plan.whole))  # which takes it to pieces

    def instead(layer):
        twin = twins.get(plan.parts.get(layer.name))
        if twin is not None and _learns(twin):
            return twin
        if layer.name in plan.kept:
            layer.set_weights(plan.kept[layer.name])
        layer.trainable = layer.trainable and twin is None
        return layer

    composed = keras.models.clone_model(whole, clone_function=instead)
    return type(whole)(composed.input, composed.output, name=whole.name, **_own_options(whole))


def _check_shared(twins, trained):
    """Raise `InvalidInput` where a signature has weights that are not trained."""
    known = {id(variable) for variable in trained.variables}
    for name, twin in twins.items():
        left = [v.path for v in twin.trainable_variables if id(v) not in known]
        if left:
            raise InvalidInput(
                f"Signature {name!r} has weights that training the main one does not reach: {', '.join(left[:3])}. "
                "Quantise it after training, or make it a model of its own."
            )


def _learns(twin):
    return any(isinstance(layer, QuantizedOperator) and layer.trainable_variables for layer in twin.layers)


def _own_options(model):
    """What a class of functional models takes beside the graph."""
    config = model.get_config()
    own = set(inspect.signature(type(model).__init__).parameters) - {"self", "name", "trainable"}
    return {name: config[name] for name in own if name in config}


def _kept(main, within, rows):
    """The weights of the layers that stay as they are, by name.

    Raises:
        InvalidInput: One of them learns, and is in no file that it could be written to.
    """
    kept = {}
    for layer in main.layers:
        if layer.trainable_variables and layer.name not in within:
            _check_stays(main, layer, within, rows)
        if layer.weights:
            kept[layer.name] = layer.get_weights()
    return kept


def _check_stays(main, layer, within, rows):
    single = not isinstance(layer, (*GONE, keras.Model)) and isinstance(layer.input, keras.KerasTensor)
    if single:
        (taken,) = keras.tree.flatten(keras.Model(main.input, [layer.input])(rows, training=False))
        if in_training(layer, taken) is not None:
            return
    raise InvalidInput(
        f"Layer {layer.name!r} of {main.name!r} has weights and is in none of the models of signatures within it "
        f"({', '.join(within)}). Put it into one of them, or make it a signature of its own."
    )
