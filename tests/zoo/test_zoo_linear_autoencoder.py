"""The linear autoencoder against scikit-learn's principal component analysis."""

import keras
import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import zoo
from zoo.autoencoders.linear import principal_components

SHAPE, CODE, L2 = (2, 3, 1), 3, 0.1
DEVIATIONS = (2.0, 1.5, 1.1, 0.5, 0.45, 0.4)  # along the principal directions


def correlated(n=200):
    """Examples around a mean that is not zero, with `DEVIATIONS` along random directions: `(n, *SHAPE)`."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    x = rng.normal(size=(n, 6)) * DEVIATIONS @ directions + rng.normal(size=6)
    return x.reshape(n, *SHAPE).astype("float32")


def flat(x):
    return np.asarray(x).reshape(len(x), -1)


def summed_squares(y_true, y_pred):
    return keras.ops.sum(keras.ops.square(y_true - y_pred), axis=(1, 2, 3))


def trained(l2):
    keras.utils.set_random_seed(0)
    x, steps = correlated(), 1000
    model = zoo.create("linear_autoencoder", input_shape=SHAPE, code=CODE, l2=l2)
    rate = keras.optimizers.schedules.CosineDecay(0.03, steps)
    model.compile(keras.optimizers.Adam(rate), summed_squares, jit_compile=False)
    repeated = np.tile(x, (steps // 10, 1, 1, 1))  # an epoch of many steps, each on all examples
    model.fit(repeated, repeated, batch_size=len(x), epochs=10, shuffle=False, verbose=0)
    return model


@pytest.fixture(scope="module")
def plain():
    return trained(0.0)


@pytest.fixture(scope="module")
def regularized():
    return trained(L2)


@pytest.fixture(scope="module")
def pca():
    return PCA(CODE).fit(flat(correlated()))


def test_weights_span_the_principal_subspace(plain, pca):
    encoder = np.asarray(plain.encoder.get_layer("code").kernel)  # (features, code)
    decoder = np.asarray(plain.decoder.get_layer("pixels").kernel).T
    for weights in (encoder, decoder):
        assert np.rad2deg(subspace_angles(weights, pca.components_.T)).max() < 0.5


def test_output_is_the_orthogonal_projection(plain, pca):
    x = correlated()
    projected = pca.inverse_transform(pca.transform(flat(x)))
    np.testing.assert_allclose(flat(plain.predict(x, verbose=0)), projected, atol=0.01)


def test_error_is_that_of_as_many_components(plain, pca):
    x = correlated()
    lost = (flat(x).var(axis=0).sum() - pca.explained_variance_.sum() * (len(x) - 1) / len(x)).item()
    reached = plain.evaluate(x, x, batch_size=len(x), verbose=0)
    assert reached == pytest.approx(lost, rel=1e-3)
    assert reached >= lost * (1 - 1e-4)


def test_components_by_singular_values(regularized, pca):
    """One by one and in order, up to their signs."""
    components = principal_components(regularized)
    np.testing.assert_allclose(components @ components.T, np.eye(CODE), atol=1e-6)
    cosines = np.abs(np.sum(components * pca.components_, axis=1))
    assert np.rad2deg(np.arccos(np.minimum(cosines, 1))).max() < 1.5
    largest = np.argmax(np.abs(components), axis=1)
    assert (components[range(CODE), largest] > 0).all()


def test_components_need_the_penalty(plain, pca):
    """Without it they are a basis of the subspace, but another one."""
    components = principal_components(plain)
    assert np.rad2deg(subspace_angles(components.T, pca.components_.T)).max() < 0.5
    cosines = np.abs(np.sum(components * pca.components_, axis=1))
    assert np.rad2deg(np.arccos(np.minimum(cosines, 1))).max() > 10


def test_penalty_shrinks_each_component(regularized):
    """By `l2` over its variance (Kunin et al., 2019, theorem 2)."""
    x = flat(correlated())
    variances, directions = np.linalg.eigh(np.cov(x.T, bias=True))
    variances, directions = variances[::-1][:CODE], directions[:, ::-1][:, :CODE]
    expected = (directions * (1 - L2 / variances)) @ directions.T
    encoder, decoder = (
        np.asarray(part.get_layer(name).kernel)
        for part, name in ((regularized.encoder, "code"), (regularized.decoder, "pixels"))
    )
    np.testing.assert_allclose(encoder @ decoder, expected, atol=0.01)


def test_penalty_is_part_of_the_model():
    model = zoo.create("linear_autoencoder", input_shape=(5, 4), code=2, l2=0.25)
    kernels = [
        np.asarray(model.encoder.get_layer("code").kernel),
        np.asarray(model.decoder.get_layer("pixels").kernel),
    ]
    assert float(sum(model.losses)) == pytest.approx(0.25 * sum((k**2).sum() for k in kernels), rel=1e-5)
    assert not zoo.create("linear_autoencoder", input_shape=(5, 4), code=2).losses


def test_components_of_another_model_are_refused():
    model = zoo.create("dense_autoencoder", input_shape=(6,), code=2, hidden=())
    with pytest.raises(ValueError, match="'dense_autoencoder' is no linear autoencoder"):
        principal_components(model)


@pytest.mark.parametrize(
    "given",
    [{"l2": -0.1}, {"l2": "0.1"}, {"l2": float("nan")}, {"code": 0}, {"input_shape": (3, 0)}],
    ids=str,
)
def test_refuses_arguments(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        zoo.create("linear_autoencoder", **given)
