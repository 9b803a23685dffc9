"""Walks through the layers of a model in the order of its computation, nested models included."""

import keras
from keras import tree


def inputs_of(model):
    """New symbolic tensors with the shapes of the model's inputs, to start a walk from.

    Raises:
        ValueError: The model is not built, or is no functional or sequential model.
    """
    if not isinstance(model, (keras.Sequential, keras.Function)) or not model.built:
        raise ValueError(
            f"{getattr(model, 'name', model)!r} is no functional or sequential model whose input "
            "shape is known. Build it with keras.Model(inputs, outputs), or give the Sequential a "
            "keras.Input first."
        )
    return [keras.KerasTensor(x.shape, x.dtype) for x in model.inputs]


def walk(model, inputs, visit):
    """Calls `visit(path, layer, inputs, outputs)` for every call of a layer or an operation.

    `path` is the layer's name behind those of the models around it, `encoder/block1_conv`;
    `inputs` and `outputs` are flat lists of `KerasTensor`, those of the first layers being the
    `inputs` given. A shared layer is visited once a call. Nothing is computed and the model's graph
    stays as it is.
    """
    _run(model, inputs, visit, prefix="")


def _run(model, inputs, visit, prefix):
    if isinstance(model, keras.Sequential):
        (inputs,) = tree.flatten(inputs)
        for layer in model.layers:
            inputs = _visited(layer, visit, prefix)(inputs)
        return inputs
    return model._run_through_graph(
        inputs, operation_fn=lambda operation: _visited(operation, visit, prefix)
    )


def _visited(operation, visit, prefix):
    path = prefix + operation.name

    def call(*args, **kwargs):
        if isinstance(operation, (keras.Sequential, keras.Function)):
            nested = args[0] if args else kwargs["inputs"]
            return _run(operation, nested, visit, prefix=f"{path}/")
        outputs = operation.compute_output_spec(*args, **kwargs)
        visit(path, operation, _tensors((args, kwargs)), _tensors(outputs))
        return outputs

    return call


def _tensors(structure):
    return [x for x in tree.flatten(structure) if isinstance(x, keras.KerasTensor)]
