"""Recipes that learn to draw MNIST's digits: bounds of −log p(x) in nats, pixels binarised at random.

Binarisation as in Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016, section 5,
https://arxiv.org/abs/1509.00519: anew in every epoch of training, once for evaluation.
"""

from recipes.recipe import Augmentation, Evaluation, Expected, Features, Optimizer, Recipe
from recipes.registry import recipe

_FEWER = Evaluation(importance_samples=100)  # a tenth of the time that 1,000 take


@recipe
def vae_mnist():
    """Variational autoencoder with a 20-dimensional code, on stochastically binarised MNIST."""
    return _binarised("vae", {"code": 20, "units": 256}, "negative_log_likelihood", 92.0, Evaluation())


@recipe
def iwae_mnist():
    """The same autoencoder trained by the importance-weighted bound of five codes an image."""
    arguments = {"code": 20, "units": 256, "samples": 5}
    return _binarised("iwae", arguments, "negative_log_likelihood", 89.0, Evaluation())


@recipe
def beta_vae_mnist():
    """The same autoencoder with a divergence that counts four times: few coordinates, blurred digits."""
    arguments = {"code": 20, "units": 256, "beta": 4.0}
    return _binarised("beta_vae", arguments, "negative_elbo", 115.0, _FEWER)


@recipe
def conditional_vae_mnist():
    """The same autoencoder told the class of its digit, which it can then be asked for."""
    arguments = {"code": 20, "units": 256}
    return _binarised(
        "conditional_vae", arguments, "negative_elbo", 95.0, _FEWER, task="conditional_generation"
    )


@recipe
def ladder_vae_mnist():
    """Two Gaussian codes on top of each other, inferred from the top down."""
    return _binarised("ladder_vae", {"codes": [20, 10]}, "negative_elbo", 100.0, _FEWER)


@recipe
def vq_vae_mnist():
    """Vector-quantised autoencoder: each digit as 7 × 7 entries of a codebook of 128, 343 bits."""
    return Recipe(
        model="vq_vae",
        data="mnist",
        task="reconstruction",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="squared_error", value=3.5, at_least=False),
    )


def _binarised(model, arguments, metric, value, evaluation, task="generation"):
    return Recipe(
        model=model,
        arguments=arguments,
        data="mnist",
        features=Features(binarize=True),
        task=task,
        epochs=12,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        augmentation=Augmentation(binarize=True),
        validation=0.05,
        evaluation=evaluation,
        expected=Expected(metric=metric, value=value, at_least=False),
    )
