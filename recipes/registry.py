"""The recipes by name, and how their values are overridden."""

import difflib
import fnmatch
import functools
import importlib
import inspect
import json

import msgspec

from recipes import scaling
from recipes.catalog import MODULES
from recipes.errors import RecipeError
from recipes.recipe import Recipe, Values

_RECIPES = {}


def recipe(function):
    """Register a function that returns a `Recipe`; the function's name is the recipe's name."""
    if function.__name__ in _RECIPES:
        raise RecipeError(f"a recipe named {function.__name__!r} is registered already")
    _RECIPES[function.__name__] = function
    return function


@functools.cache
def _load_catalog():
    for module in MODULES:
        importlib.import_module(f"recipes.catalog.{module}")


def names(pattern="*"):
    """Names of the registered recipes that match a shell pattern, sorted."""
    _load_catalog()
    return sorted(fnmatch.filter(_RECIPES, pattern))


def get(name, /, **overrides):
    """The recipe called `name`, with values overridden by (dotted) name.

    Args:
        name: A name from `names()`, or the path of a recipe in a `.yaml` file.
        **overrides: New values, checked by type and range; dotted names are given as
            `**{"optimizer.learning_rate": 3e-4}`.

    Raises:
        RecipeError: There is no such recipe or value, or the value is of the wrong type or range.
    """
    if is_file(name):
        from recipes import yaml_recipes

        return override(yaml_recipes.read(name), overrides)
    _load_catalog()
    if name not in _RECIPES:
        raise RecipeError(
            f"there is no recipe {name!r}.{closest(name, _RECIPES)} `edgezoo list recipes` shows all"
        )
    function = _RECIPES[name]
    summary = inspect.getdoc(function).splitlines()[0]
    return override(msgspec.structs.replace(function(), name=name, summary=summary), overrides)


def is_file(name):
    """Whether `name` means a recipe in a file, not one of the catalogue."""
    return str(name).endswith((".yaml", ".yml"))


def override(base, values):
    """`base`, a `Recipe`, with `values` (dotted name → value or its text) in the place of its own."""
    tree = msgspec.to_builtins(base)
    for key, value in values.items():
        _place(tree, key, _parsed(value, key))
    try:
        changed = msgspec.convert(tree, Recipe, strict=False)
        msgspec.json.encode(changed.arguments)
    except msgspec.ValidationError as error:
        raise RecipeError(_explained(error, values)) from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"arguments={changed.arguments}: only what JSON can hold ({error})") from error
    return scaling.applied(base, changed, values)


def literal(values):
    """Values by dotted name for `override`, which takes text as it is given on the command line."""
    return {
        k: json.dumps(v) if isinstance(v, str) and _field_type(k) is None else v for k, v in values.items()
    }


def value_of(recipe, key):
    """The value with the dotted name `key` in plain types; of an argument the architecture's default.

    Raises:
        RecipeError: A recipe has no such value, or the architecture no such argument.
    """
    node, seen = json.loads(msgspec.json.encode(recipe)), []
    for part in key.split("."):
        if seen == ["arguments"] and part not in node:
            return _default_argument(recipe.model, part)
        if not isinstance(node, dict) or part not in node:
            raise RecipeError(_no_such_value(key, part, node if isinstance(node, dict) else {}, seen))
        node = node[part]
        seen.append(part)
    return node


def _default_argument(model, name):
    from zoo import registry as architectures

    parameters = inspect.signature(architectures.find(model)).parameters
    if name not in parameters:
        raise RecipeError(
            f"{model} has no argument {name!r}.{closest(name, parameters)} Its arguments: {', '.join(parameters)}"
        )
    value = parameters[name].default
    return list(value) if isinstance(value, tuple) else value


def from_json(text, where):
    """The recipe written in `text`, the content of a `recipe.json`; `where` names the file in errors."""
    try:
        return msgspec.json.decode(text, type=Recipe)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{where} is damaged, or no recipe of this version: {error}") from error


def parse_assignments(assignments, option="--set"):
    """`["epochs=5", …]`, as given after `option`, as a dict."""
    pairs = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator or not key.strip():
            raise RecipeError(f"{option} {assignment!r} is not of the form key=value, such as epochs=5")
        pairs[key.strip()] = value.strip()
    return pairs


def closest(name, possible):
    """` Did you mean …?`, or nothing where no name is close."""
    close = difflib.get_close_matches(str(name), map(str, possible), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _parsed(value, key):
    """A value as plain types; text from the command line by the type of the value it is for.

    Text is JSON where it can be (`[28,28]`, `null`, `true`); a tuple may do without its brackets.
    """
    if not isinstance(value, str):
        return msgspec.to_builtins(value) if isinstance(value, Values) else value
    field = _field_type(key)
    kinds = [field, *getattr(field, "__args__", ())]  # `Literal["adam", …]`, `tuple[int, int] | None`
    if field is str or any(isinstance(kind, str) for kind in kinds):
        return value
    if value.lower() in ("none", "true", "false"):
        value = value.lower().replace("none", "null")
    if value != "null" and any(getattr(kind, "__origin__", None) is tuple for kind in kinds):
        return [_from_json(part.strip(" \"'")) for part in value.strip("[](), ").split(",")]
    return _from_json(value)


def _from_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(tree, key, value):
    *path, last = key.split(".")
    node, seen = tree, []
    for part in path:
        if part not in node or not isinstance(node[part], dict):
            raise RecipeError(_no_such_value(key, ".".join([*seen, part]), node, seen))
        node = node[part]
        seen.append(part)
    fixed = not seen and last in ("name", "summary")
    if fixed or not last or (last not in node and seen != ["arguments"]):
        raise RecipeError(_no_such_value(key, last, node, seen))
    node[last] = value


def _no_such_value(key, part, node, seen):
    where = ".".join(seen)
    inside = f" inside {where!r}" if where else ""
    possible = [name for name in node if where or name not in ("name", "summary")]
    return f"a recipe has no value {key!r}.{closest(part, possible)} Values{inside}: {', '.join(possible)}"


def _explained(error, values):
    """msgspec's message, with the user's own input and the possible names where it names a choice."""
    message, _, path = str(error).partition(" - at `$.")
    path = path.rstrip("`")
    given = next(
        (f"{k}={v}" for k, v in values.items() if path and path.split("[")[0] in (k, k.split(".")[0])), path
    )
    hint = ""
    if message.startswith("Invalid enum value"):
        kind = _field_type(path.split("[")[0])
        if getattr(kind, "__origin__", None) is tuple:
            kind = kind.__args__[0]
        wrong, choices = message.removeprefix("Invalid enum value ").strip("'"), getattr(kind, "__args__", ())
        hint = f";{closest(wrong, choices)} Possible: {', '.join(map(str, choices))}"
    return f"{given}: {message[0].lower() + message[1:]}{hint}"


def _field_type(path):
    """The annotation of a dotted name, without its bounds; `None` where there is no such value."""
    kind = Recipe
    for part in path.split("."):
        if not (isinstance(kind, type) and issubclass(kind, Values)):
            return None
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}.get(part)
        while hasattr(kind, "__metadata__"):
            kind = kind.__origin__
    return kind
