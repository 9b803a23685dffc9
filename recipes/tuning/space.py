"""What is searched: the ranges of a recipe's values, checked before anything is trained.

A searched value is named as after `--set`. Of values that are lists, such as the widths of layers, each
element is one: `arguments.hidden.0`, `arguments.hidden.1`, and `arguments.hidden.length` is how many there
are. An element counts only where the list is that long.
"""

import contextlib

from recipes import registry
from recipes.errors import RecipeError
from recipes.tuning import conditions, dimensions, elements

# Values without which trials could not be compared, or that say nothing about training.
_FIXED = ("name", "summary", "space", "expected", "seed", "data", "task", "validation", "precisions")
_FIXED_PARTS = (
    "space.",
    "expected.",
    "evaluation.",
    "features.held_out",
    "features.left_out",
    "features.fold",
)
_ASKED = 1000  # values, at most, of one that a condition asks about


class Space:
    """The searched values of a recipe.

    Args:
        base: A `recipes.recipe.Recipe`, whose own values are the default.
        texts: Ranges by name, each as `recipes.tuning.dimensions` and `recipes.tuning.conditions` say.

    Raises:
        RecipeError: A name, a range or a condition can't be used with this recipe.
    """

    def __init__(self, base, texts):
        if not texts:
            raise RecipeError(
                f"nothing to search: {base.name} has no space of its own. Give one, such as "
                "--space optimizer.learning_rate=log:1e-4..1e-1"
            )
        self.base, self.texts = base, dict(texts)
        parsed = {}
        for name, text in self.texts.items():
            with _naming(name, text):
                _check_name(base, name)
                found, asked = conditions.split(text)
                parsed[name] = dimensions.parse(found), (*asked, *elements.condition(name, self.texts))
        self._own = {name: self._own_value(name, dimension) for name, (dimension, _) in parsed.items()}
        self.dimensions = {name: parsed[name][0] for name in _ordered(parsed)}
        self.conditions = {name: self._constant_dropped(name, parsed[name][1]) for name in self.dimensions}
        for name in self.dimensions:
            with _naming(name, self.texts[name]):
                self._check(name)

    @property
    def default(self):
        """The recipe's own values by name, or the nearest in range; only those that count."""
        return self._completed({})

    def own(self, name):
        """The recipe's own value, or the nearest in range."""
        dimension = self.dimensions[name]
        return dimension.decode(dimension.encode(self._own[name]))

    def encode(self, values):
        """Values by name as keras-tuner has them."""
        return {name: self.dimensions[name].encode(value) for name, value in values.items()}

    def hyperparameters(self):
        """The space as a `keras_tuner.HyperParameters`."""
        import keras_tuner

        container = keras_tuner.HyperParameters()
        for name, dimension in self.dimensions.items():
            with contextlib.ExitStack() as scopes:
                for condition in self.conditions[name]:
                    scopes.enter_context(
                        container.conditional_scope(condition.name, self._allowed(condition))
                    )
                dimension.declare(container, name)
        return container

    def decode(self, coded):
        """Values by name, of those that count, of a dict that keras-tuner gave."""
        return {name: d.decode(coded[name]) for name, d in self.dimensions.items() if name in coded}

    def recipe(self, values):
        """The recipe with `values` by name in the place of its own; its own where they are the default."""
        if values == self.default:
            return self.base
        return registry.override(self.base, registry.literal(self._assignments(values)))

    def check_architectures(self, data):
        """Build what the ends of the searched arguments make; nothing is trained.

        Args:
            data: The recipe's `Prepared` data.

        Raises:
            RecipeError: The architecture does not take a value.
        """
        from recipes import pipeline

        for name, dimension in self.dimensions.items():
            if name == "model" or name.startswith(("arguments.", "regularization.")):
                for value in dimension.ends():
                    with _naming(name, self.texts[name]):
                        pipeline.build(self.recipe(self.at(name, value)), data)

    def _own_value(self, name, dimension):
        with _naming(name, self.texts[name]):
            found = (
                elements.own(self.base, name, self.texts)
                if elements.is_one(name)
                else (registry.value_of(self.base, name))
            )
            _check_own(found, dimension)
        return found

    def _check(self, name):
        for value in self.dimensions[name].ends():
            self.recipe(self.at(name, value))

    def at(self, name, value):
        """The default with another value, and with what has to be so for it to count."""
        values = dict(self.default)
        for condition in self._needs(name):
            if condition.name not in values or not condition.holds(values[condition.name]):
                values[condition.name] = self.dimensions[condition.name].decode(self._allowed(condition)[0])
        return self._completed(values | {name: value})

    def _completed(self, values):
        """Those of `values` that count, with the recipe's own for the others that do."""
        found = {}
        for name in self.dimensions:
            if all(c.name in found and c.holds(found[c.name]) for c in self.conditions[name]):
                found[name] = values.get(name, self.own(name))
        return found

    def _needs(self, name):
        """The conditions of a value, those of what it asks about before them."""
        return [need for c in self.conditions[name] for need in (*self._needs(c.name), c)]

    def _allowed(self, condition):
        """The coded values with which a condition holds."""
        dimension = self.dimensions[condition.name]
        return [dimension.encode(v) for v in dimension.values() if condition.holds(v)]

    def _constant_dropped(self, name, asked):
        """Conditions on searched values; those on others have to hold, and say nothing then."""
        kept = []
        for condition in asked:
            with _naming(name, self.texts[name]):
                if condition.name not in self.dimensions:
                    self._check_constant(condition)
                    continue
                _check_askable(self.dimensions[condition.name], condition)
                if not self._allowed(condition):
                    raise RecipeError(f"{condition} holds for no value of {condition.name}")
                kept.append(condition)
        return tuple(kept)

    def _check_constant(self, condition):
        value = registry.value_of(self.base, condition.name)
        if not condition.holds(value):
            raise RecipeError(f"{condition} never holds: {condition.name} is {value!r} and not searched")

    def _assignments(self, values):
        plain = {name: value for name, value in values.items() if not elements.is_one(name)}
        return plain | elements.lists(self.base, values)


def _check_name(base, name):
    if name in _FIXED or name.startswith(_FIXED_PARTS):
        raise RecipeError("trials with another value there could not be compared; it can't be searched")
    if name == "epochs":
        raise RecipeError("a trial's length is no result of a search: give it with --set epochs=…")
    elements.check(base, name) if elements.is_one(name) else registry.value_of(base, name)


def _check_own(value, dimension):
    """A recipe's own value is what a search begins with and what its trials are compared with."""
    if isinstance(dimension, dimensions.Choice):
        if value not in dimension.options:
            raise RecipeError(f"the recipe's own value {value!r} is not among them: add it")
    elif value is None:
        raise RecipeError(
            "the recipe has no value there; give it one with --set, or search a choice with none"
        )
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise RecipeError(f"the recipe's own value is {value!r}, no number: search a choice")


def _check_askable(dimension, condition):
    if not hasattr(dimension, "values"):
        raise RecipeError(f"{condition} asks about a continuous value; ask about a whole number or a choice")
    if len(dimension.values()) > _ASKED:
        raise RecipeError(
            f"{condition} asks about more than {_ASKED} values; give {condition.name} a larger step"
        )


def _ordered(parsed):
    """The names, each after those that its conditions ask about."""
    done, open_names = [], dict(parsed)
    while open_names:
        ready = [n for n, (_, asked) in open_names.items() if not {c.name for c in asked} & set(open_names)]
        if not ready:
            raise RecipeError(
                f"the conditions of {' and '.join(open_names)} ask about one another in a circle"
            )
        done += ready
        for name in ready:
            del open_names[name]
    return done


@contextlib.contextmanager
def _naming(name, text):
    """A `RecipeError` within the block says which searched value it is about."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"--space {name}={text}: {error}") from error
