"""Where data lie: the cache of prepared sets, and a user's folder wherever it is named from."""

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
