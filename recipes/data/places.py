"""Where data lie: the cache, prepared sets, files fetched by hand, and a user's folder from wherever it is named."""

import os
import pathlib

from recipes.errors import RecipeError


def cache_folder():
    """Where prepared sets live: `$EDGEZOO_CACHE`, else the user's cache folder."""
    given = os.environ.get("EDGEZOO_CACHE")
    if given:
        return pathlib.Path(given).expanduser()
    import platformdirs

    return pathlib.Path(platformdirs.user_cache_dir("edgezoo"))


def tfds_folder():
    """Where a user keeps sets that tensorflow-datasets prepared: `$TFDS_DATA_DIR`, else its own default."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def manual_folder():
    """Where files lie that a user fetched by hand, a subfolder a data set.

    `$EDGEZOO_MANUAL_DIR`, else tensorflow-datasets' own place, `downloads/manual` in `tfds_folder()`.
    """
    given = os.environ.get("EDGEZOO_MANUAL_DIR")
    return pathlib.Path(given).expanduser() if given else tfds_folder() / "downloads" / "manual"


def absolute(name):
    """`folder:PATH` with PATH absolute, so that a run resumes from wherever it is called.

    Raises:
        RecipeError: PATH is no folder.
    """
    given = name.removeprefix("folder:")
    path = pathlib.Path(given).expanduser().resolve()
    if not given or not path.is_dir():
        raise RecipeError(
            f"data={name}: {path if given else 'nothing'} is not a folder; give data=folder:PATH"
        )
    return f"folder:{path}"
