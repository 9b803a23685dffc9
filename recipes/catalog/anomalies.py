"""Recipes that find what is out of the ordinary: digits of a kind never seen, abnormal heartbeats."""

from recipes.recipe import Evaluation, Expected, Features, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def anomaly_ecg():
    """Dense autoencoder of normal heartbeats finds abnormal ones: one lead, one beat at a time."""
    return Recipe(
        model="dense_autoencoder",
        arguments={"code": 8, "hidden": [64, 32], "code_activation": "linear", "output_activation": "linear"},
        data="ecg5000",
        features=Features(left_out="abnormal"),
        task="anomaly",
        epochs=30,
        batch_size=32,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.15,
        expected=Expected(metric="roc_auc", value=0.97),
    )


@recipe
def anomaly_digits_mnist():
    """Dense autoencoder of nine of MNIST's digits finds the tenth; the seed chooses which is left out.

    Seeds 0 to 9 leave out each digit once. A one has so little ink that it is never far from its
    reconstruction, so errors are taken as a share of the ink.
    """
    return Recipe(
        model="dense_autoencoder",
        arguments={"code": 8, "hidden": [512, 256, 64], "code_activation": "linear"},
        data="mnist",
        features=Features(left_out="seed"),
        task="anomaly",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        evaluation=Evaluation(anomaly_error="relative"),
        expected=Expected(metric="roc_auc", value=0.6),
    )
