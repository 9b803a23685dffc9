"""Recipes in YAML files: one of the catalogue with other values, or a whole one.

```yaml
recipe: lenet5_digits      # or another file; without it, give at least `model` and `data`
epochs: 20
optimizer:
  learning_rate: 3e-3      # `optimizer.learning_rate: 3e-3` means the same
```

A file is read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3), in which `3e-3`
is a number and `no` a word. A recipe is named as its file, unless the file gives it a `name`.
"""

import pathlib
import re
import typing

import msgspec
import yaml

from recipes import files, registry
from recipes.errors import RecipeError
from recipes.recipe import Recipe

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NODES = 10_000  # aliases of aliases can mean more than fits in memory
_TAG = "tag:yaml.org,2002:"
_CORE = {  # a scalar's type: its form, what it begins with, and how it is read
    "null": (r"~|null|Null|NULL|", ("~", "n", "N", ""), lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", tuple("tTfF"), lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", tuple("-+0123456789"), lambda text: _whole(text)),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        tuple("-+.0123456789"),
        lambda text: float(re.sub(r"\.(?=[in])", "", text.lower())),
    ),
}


class _Loader(yaml.SafeLoader):
    """Scalars are what the core schema says; nothing else has a type of its own."""

    yaml_implicit_resolvers: typing.ClassVar = {}


class _Dumper(yaml.SafeDumper):
    """Text is quoted that YAML 1.1 or 1.2 would take for something else."""


for _name, (_form, _first, _) in _CORE.items():
    for _either in (_Loader, _Dumper):
        _either.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_form})\\Z"), _first)


def _whole(text):
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def read(path, seen=()):
    """The `Recipe` in a YAML file.

    Raises:
        RecipeError: The file is not there, no YAML, or has a value that a recipe can't have; file and line
            are named.
    """
    path = pathlib.Path(path)
    if path.resolve() in seen:
        raise RecipeError(f"{path}: the recipes in these files begin with one another in a circle")
    values = _values(path)
    about = {key: values.pop(key) for key in ("recipe", "name", "summary") if key in values}
    recipe = _beginning(path, about, values, (*seen, path.resolve()))
    for key, (value, line) in values.items():
        try:
            registry.override(recipe, registry.literal({key: value}))
        except RecipeError as error:
            raise RecipeError(f"{path}, line {line}: {error}") from error
    recipe = registry.override(recipe, registry.literal({key: value for key, (value, _) in values.items()}))
    summary, _ = about.get("summary", (f"The recipe in {path.name}.", 0))
    return msgspec.structs.replace(recipe, name=_name_of(path, about), summary=str(summary))


def write(path, recipe, name, comment=""):
    """Write `recipe` as a file that `read` takes, called `name`: what is not as in the catalogue, or as usual.

    The seed and the expected result stay out: a file is run with any seed, and promises nothing.
    """
    known = recipe.name in registry.names()
    base = registry.get(recipe.name) if known else Recipe(model=recipe.model, data=recipe.data)
    top = {"name": name} | (
        {"recipe": recipe.name} if known else {"model": recipe.model, "data": recipe.data}
    )
    found, usual = (msgspec.json.decode(msgspec.json.encode(one)) for one in (recipe, base))
    for aside in ("name", "summary", "seed", "expected"):
        del found[aside], usual[aside]
    tree = top | _differing(found, usual)
    if "batch_size" in tree or "accumulation" in tree.get("engine", {}):  # which the rate would follow
        tree.setdefault("optimizer", {})["learning_rate"] = recipe.optimizer.learning_rate
    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    text = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    files.write_text(path, lines + text)


def _differing(found, usual):
    """The values of `found` that are not those of `usual`, as nested as they are."""
    changed = {key: value for key, value in found.items() if key not in usual or value != usual[key]}
    return {
        key: _differing(value, usual[key])
        if isinstance(value, dict) and isinstance(usual.get(key), dict)
        else value
        for key, value in changed.items()
    }


def _beginning(path, about, values, seen):
    """The recipe whose values a file changes."""
    if "recipe" not in about:
        if missing := [key for key in ("model", "data") if key not in values]:
            raise RecipeError(
                f"{path} has no {' and no '.join(missing)}: give `recipe: NAME` to begin with one of the catalogue, "
                "or at least `model: NAME` and `data: NAME`"
            )
        return Recipe(model="lenet5", data="digits")  # both are given below
    name, line = about["recipe"]
    try:
        if registry.is_file(name):
            return read(path.parent / name, seen)
        return msgspec.structs.replace(
            registry.get(str(name)), expected=None
        )  # which holds for its own values
    except RecipeError as error:
        raise RecipeError(f"{path}, line {line}: recipe: {error}") from error


def _name_of(path, about):
    name, line = about.get("name", (path.stem, 1))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RecipeError(
            f"{path}, line {line}: {name!r} can't be a recipe's name: letters, digits and _ . - make one, such as "
            "`name: my_recipe`"
        )
    if name in registry.names():
        raise RecipeError(f"{path}, line {line}: {name!r} is a recipe of the catalogue; give another `name:`")
    return name


def _values(path):
    """By dotted name the values of a file, each with its line."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no text: {error}") from error
    except yaml.YAMLError as error:
        raise RecipeError(_unreadable(path, error)) from error
    except RecursionError as error:
        raise RecipeError(f"{path} is nested too deep") from error
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(f"{path} holds no recipe: lines such as `recipe: lenet5_digits` and `epochs: 20`")
    try:
        return dict(_flat(path, root, [0]))
    except RecursionError as error:  # an alias of what it is in
        raise RecipeError(f"{path} holds a value that is part of itself") from error


def _flat(path, node, count, prefix=""):
    seen = set()
    for key, child in node.value:
        line = key.start_mark.line + 1
        name = prefix + str(_plain(path, key, count))
        if name in seen:
            raise RecipeError(f"{path}, line {line}: {name!r} is given a second time")
        seen.add(name)
        nested = isinstance(child, yaml.MappingNode) and child.value and name not in ("space", "expected")
        if nested and prefix != "arguments.":
            yield from _flat(path, child, count, f"{name}.")
        else:
            yield name, (_plain(path, child, count), line)


def _plain(path, node, count):
    """A node in plain types."""
    count[0] += 1
    line = node.start_mark.line + 1
    if count[0] > _NODES:
        raise RecipeError(f"{path}, line {line}: the file means more than {_NODES:,} values")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(path, child, count) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(_plain(path, key, count)): _plain(path, child, count) for key, child in node.value}
    kind = node.tag.removeprefix(_TAG)
    if kind not in (*_CORE, "str"):
        raise RecipeError(f"{path}, line {line}: the tag {node.tag} is not known; leave it out")
    return _CORE[kind][2](node.value) if kind in _CORE else node.value


def _unreadable(path, error):
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f", line {mark.line + 1}" if mark else ""
    return f"{path}{where} is no YAML: {problem or error}"
