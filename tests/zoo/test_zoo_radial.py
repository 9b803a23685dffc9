"""Radial units against the equations, and what they can learn."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.layers.radial import RadialBasis

EQUATIONS = {
    "gaussian": lambda r, k: np.exp(-(r**2)),
    "multiquadric": lambda r, k: np.sqrt(1 + r**2),
    "inverse_multiquadric": lambda r, k: 1 / np.sqrt(1 + r**2),
    "polyharmonic_spline": lambda r, k: r**k if k % 2 else r**k * np.log(r),
}


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(EQUATIONS)),
    order=st.integers(1, 5),
    shape=st.sampled_from([(3, 2), (2, 4, 3), (1, 2, 2, 5)]),
    units=st.integers(1, 5),
    seed=st.integers(0, 100),
)
def test_equals_the_equation(kind, order, shape, units, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=shape).astype("float32")
    centers = rng.normal(size=(units, shape[-1])).astype("float32")
    widths = rng.uniform(0.5, 2, size=units).astype("float32")
    layer = RadialBasis(units, kind, order)
    layer.build(shape)
    layer.set_weights([centers, np.log(widths)])
    r = np.linalg.norm(inputs[..., None, :].astype("float64") - centers, axis=-1) / widths
    expected = EQUATIONS[kind](r, order)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(shape) == expected.shape
    assert layer.macs(shape[1:], expected.shape[1:]) == inputs[0].size * units


@pytest.mark.parametrize("width", [0.5, 1, 3.0])
def test_width_before_training(width):
    layer = RadialBasis(2, width=width, centers_initializer="zeros")
    np.testing.assert_allclose(layer(np.array([[width]], "float32")), np.full((1, 2), np.exp(-1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "order"),
    [("gaussian", 2), ("multiquadric", 2), ("inverse_multiquadric", 2)]
    + [("polyharmonic_spline", order) for order in (1, 2, 3)],
)
def test_trains_centres_and_widths_from_a_centre_on_the_data(kind, order):
    """At a distance of 0 roots and logarithms have no slope; the gradient must stay finite."""
    inputs = np.array([[0.0, 0.0], [1.0, 0.5], [0.2, 0.9]], "float32")
    layer = RadialBasis(2, kind, order, centers_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(1)])
    before = [np.array(weight) for weight in layer.get_weights()]
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    model.fit(inputs, np.array([[0.0], [1.0], [2.0]], "float32"), epochs=2, verbose=0)
    assert np.isfinite(np.concatenate([weight.ravel() for weight in layer.get_weights()])).all()
    assert all((old != new).any() for old, new in zip(before, layer.get_weights(), strict=True))


def test_one_gaussian_separates_what_no_dense_layer_can():
    """Exclusive or: one unit between two of the corners."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    layer = RadialBasis(2)
    layer.build(corners.shape)
    layer.set_weights([np.array([[0, 1], [1, 0]], "float32"), np.log([0.5, 0.5])])
    assert (np.asarray(layer(corners)).sum(axis=-1) > 0.5).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "arguments",
    [{"units": 0}, {"kind": "cubic"}, {"order": 0}, {"width": 0}, {"width": "1"}, {"width": True}],
)
def test_refuses(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}="):
        RadialBasis(**{"units": 2, **arguments})
