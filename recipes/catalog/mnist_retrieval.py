"""Recipes that find similar digits of MNIST (LeCun et al., 1998) by codes of bits."""

from recipes.recipe import Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def semantic_hashing_mnist():
    """Addresses of 28 bits from a deep autoencoder, without labels, in a hash table that is probed."""
    return Recipe(
        model="semantic_hashing",
        arguments={"bits": 28},
        data="mnist",
        task="retrieval",
        epochs=12,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="precision_radius_2", value=0.8),
    )
