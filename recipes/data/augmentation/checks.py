"""What kinds of augmentation a task can take."""

from recipes.errors import RecipeError

IN_PLACE = ("equalization", "binarize")  # what leaves every pixel where it is


def check(recipe):
    """Raise a `RecipeError` where the recipe's augmentation does not fit its task."""
    for name in ("mixup", "cutmix"):
        if getattr(recipe.augmentation, name) and recipe.task != "classification":
            raise RecipeError(
                f"augmentation.{name} mixes the labels of two images: it is for classification, not for "
                f"{recipe.task}. Set augmentation.{name}=0"
            )
    if recipe.task == "segmentation":
        _check_masks(recipe.augmentation)


def _check_masks(augmentation):
    off = type(augmentation)()
    for name in augmentation.__struct_fields__:
        given, default = getattr(augmentation, name), getattr(off, name)
        if name not in IN_PLACE and given != default:
            raise RecipeError(
                f"augmentation.{name}={given} moves or hides pixels, and the classes of pixels would stay where "
                f"they are: it is not for segmentation. Leave it at {default}"
            )
