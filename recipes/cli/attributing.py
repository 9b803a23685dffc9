"""`edgezoo explain`: why a run's model gives an image its class."""

import pathlib
from typing import Annotated

import typer

from recipes.cli import files, output
from recipes.cli.inputs import examples


def explain(
    target: Annotated[
        pathlib.Path, typer.Argument(metavar="RUN", help="A run's directory, or its .keras file.")
    ],
    images: Annotated[
        list[pathlib.Path] | None,
        typer.Argument(metavar="IMAGE…", help="Images, folders of images, or .npy arrays."),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="0,5,9", help="Examples of the test split, from 0 on.")
    ] = None,
    class_: Annotated[
        str | None,
        typer.Option("--class", help="Class to explain, by name or number; the likeliest by default."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="`saliency`, `integrated_gradients`, `grad_cam`, `occlusion` or `attention`; all that the model "
            "allows by default. Can be given several times."
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Layer for Grad-CAM; the one behind the last convolution by default.")
    ] = None,
    sanity: Annotated[
        bool, typer.Option(help="Compare with maps of random weights, which must be others.")
    ] = True,
    out: Annotated[pathlib.Path, typer.Option(help="Folder for the pictures.")] = pathlib.Path(
        "explanations"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script, no progress.")] = False,
):
    """A picture for each image: what the score of its class depends on, by several methods.

    With `--sanity` each map is compared with those of random weights: a method whose maps stay the same says little
    about the model (Adebayo et al., 2018). Layers that lose precision: `edgezoo export RUN --explain`.

    Example: `edgezoo explain runs/lenet5_mnist-seed0 three.png`, `edgezoo explain runs/lenet5_mnist-seed0 --test
    0,5,9 --class 3`
    """
    recipe = _recipe(target)
    output.load_keras()
    model, labels = _model(target)
    given = [*_images(recipe, model, images or []), *_tested(recipe, test, as_json)]
    if not given:
        from recipes.errors import RecipeError

        raise RecipeError(
            f"which images? Give files or folders, or --test 0 for the first of {recipe.data}'s test split"
        )
    rows, left_out = _explained(recipe, model, labels, given, class_, method, layer, sanity, out)
    if as_json:
        output.print_json({"run": str(target), "left_out": left_out, "images": rows})
    else:
        _print(rows, left_out)


def _recipe(target):
    from recipes.errors import RecipeError

    recipe = files.recipe_for(target)
    if target.suffix == ".tflite":
        raise RecipeError(f"{target} gives no gradients: give the run's directory, whose Keras model does")
    if recipe.task == "classification":
        return recipe
    other = "its masks" if recipe.task == "segmentation" else "its pictures and errors"
    raise RecipeError(
        f"{target} learnt task={recipe.task}, which gives an image no class whose score could be explained: "
        f"`edgezoo predict {target} IMAGE` writes {other}, plots/ in the run's directory has more"
    )


def _model(target):
    """The model, and the names of its classes."""
    from recipes import rundir
    from recipes.cli.predicting import labels_beside

    if target.suffix == ".keras":
        return rundir.load_model(files.existing(target)), labels_beside(target)
    return rundir.open_run(target).model(), labels_beside(target)


def _images(recipe, model, paths):
    """`(name, image, None)` of every file, the image `(h, w, c)`."""
    from recipes.errors import RecipeError

    shape = tuple(model.inputs[0].shape[1:])
    if recipe.features.front_end != "none" and any(path.suffix != ".npy" for path in paths):
        raise RecipeError(
            f"the model takes {recipe.features.front_end} features {shape}, not images: give a .npy, or --test 0"
        )
    pairs = [pair for path in paths for pair in examples(files.existing(path), shape)]
    return [(name, example[0], None) for name, example in pairs]


def _tested(recipe, text, quiet):
    """`(name, image, label)` of examples of the test split."""
    if text is None:
        return []
    from recipes import pipeline
    from recipes.data import feeding
    from recipes.errors import RecipeError

    with output.progress(quiet) as progress:
        test = pipeline.prepare(recipe, progress).test
    try:
        chosen = [int(part) for part in text.split(",")]
        if not all(0 <= i < len(test.y) for i in chosen):
            raise ValueError
    except ValueError:
        raise RecipeError(f"--test {text}: give numbers from 0 to {len(test.y) - 1}, such as 0,5,9") from None
    shown = feeding.images(recipe, test.take(chosen))
    return [(f"test-{i}", image, int(test.y[i])) for i, image in zip(chosen, shown, strict=True)]


def _explained(recipe, model, labels, given, class_, methods, layer, sanity, out):
    """A row an image, and by method why it was left out."""
    import numpy as np
    from scipy.special import softmax

    from recipes import explanations
    from recipes.errors import RecipeError

    images = np.stack([image for _, image, _ in given])
    chances = softmax(np.asarray(model.predict_on_batch(images), np.float64), axis=-1)
    guesses = chances.argmax(axis=-1)
    number = None if class_ is None else _number(class_, labels, chances.shape[-1])
    classes = guesses if number is None else np.full(len(images), number)
    spoken = recipe.features.front_end != "none"
    try:
        found, left_out = explanations.explain(
            model,
            images,
            classes,
            methods or None,
            layer,
            baseline=images.min(axis=(1, 2, 3), keepdims=True) if spoken else 0.0,
            draws=3 if sanity else 0,
        )
    except ValueError as error:
        raise RecipeError(str(error)) from error
    rows = []
    for one, maps, chance, guess, explained in zip(given, found, chances, guesses, classes, strict=True):
        row = _row(one, maps, chance, guess, explained, labels)
        place = _place(out, one[0])
        explanations.picture(place, one[1], maps, _title(row), spoken)
        rows.append(row | {"picture": str(place)})
    return rows, left_out


def _row(given, maps, chances, guess, explained, labels):
    names = labels if len(labels) == len(chances) else [str(i) for i in range(len(chances))]
    return {
        "input": given[0],
        "class": names[explained],
        "probability": float(chances[explained]),
        "predicted": names[guess],
        "true": None if given[2] is None else names[given[2]],
        "methods": [
            {
                "method": e.method,
                "layer": e.of,
                "rank_correlation_with_random_weights": e.correlation,
                "unchanged_by_random_weights": e.unchanged,
                **e.facts,
            }
            for e in maps
        ],
    }


def _number(given, labels, count):
    """The class that is called `given`, or has that number."""
    from recipes import registry
    from recipes.errors import RecipeError

    if given in labels:
        return labels.index(given)
    if given.isdecimal() and int(given) < count:
        return int(given)
    possible = f"Possible: {', '.join(labels)}" if labels else f"Give its number, from 0 to {count - 1}"
    raise RecipeError(f"--class {given}: there is no such class.{registry.closest(given, labels)} {possible}")


def _title(row):
    parts = [f"{row['input']}: why class {row['class']} ({100 * row['probability']:.1f} %)"]
    if row["predicted"] != row["class"]:
        parts.append(f"predicted {row['predicted']}")
    if row["true"] not in (None, row["class"]):
        parts.append(f"truly {row['true']}")
    return ", ".join(parts)


def _place(folder, name):
    from recipes.cli.answers import free_place

    stem = pathlib.Path(name.replace("[", "-").replace("]", "")).name.replace(".", "-")
    return free_place(folder, stem, ".png")


def _print(rows, left_out):
    columns = ["input", "class", ">probability", "true", "method", ">with random weights", "remark"]
    lines = [line for row in rows for line in _lines(row)]
    caption = (
        "With random weights: Spearman's rank correlation of the map with those of the same network with random "
        "weights, where either marks anything; near 0 if the map tells what was learnt."
    )
    output.table("", columns, lines, caption=caption)
    for method, reason in left_out.items():
        output.say(f"{method}: {reason}")
    for method in dict.fromkeys(
        m["method"] for row in rows for m in row["methods"] if m["unchanged_by_random_weights"]
    ):
        output.say(
            f"{method} changes little with random weights: here it shows the image more than what was learnt",
            "warning ",
            "bold yellow",
        )
    for row in rows:
        output.say(row["picture"])


def _lines(row):
    for i, one in enumerate(row["methods"]):
        about = [row["input"], row["class"], f"{100 * row['probability']:.1f} %", row["true"] or "–"]
        remark = (
            f"{one['steps']} steps, {100 * one['completeness_gap']:.2g} % off complete"
            if "steps" in one
            else ""
        )
        correlation = one["rank_correlation_with_random_weights"]
        yield [
            *(about if i == 0 else [""] * 4),
            " ".join(filter(None, (one["method"], one["layer"]))),
            "–" if correlation is None else f"{correlation:+.2f}",
            remark,
        ]
