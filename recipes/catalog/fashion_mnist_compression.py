"""Recipes that store the clothes of Fashion-MNIST (Xiao et al., 2017) in few bytes."""

from recipes.recipe import Expected, Optimizer, Recipe
from recipes.registry import recipe


@recipe
def compression_fashion_mnist():
    """Convolutional autoencoder whose rounded code goes through a range coder, beside JPEG and JPEG 2000."""
    return Recipe(
        model="compression_autoencoder",
        arguments={"code": 64, "rate_weight": 0.02},
        data="fashion_mnist",
        task="compression",
        epochs=10,
        batch_size=128,
        optimizer=Optimizer(name="adam", learning_rate=2e-3, schedule="cosine", warmup=0.05),
        validation=0.05,
        expected=Expected(metric="psnr_over_jpeg2000", value=3.0),
    )
