"""What looks at a model every so many steps while it trains."""

import inspect
import math

import keras

from recipes import files
from recipes.diagnostics import drawing, events, readings
from recipes.diagnostics.findings import Watch
from recipes.diagnostics.readings import Reading

SUMMARY = "diagnostics.json"
PICTURE = "diagnostics.png"


class Diagnosis(keras.callbacks.Callback):
    """Writes `diagnostics.csv`, `.json`, an event file and a picture; tells `progress` what it finds.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        probe: A `recipes.diagnostics.probing.Probe` of what `fit` trains.
        steps: Of one epoch.
        folder: The run's directory.
        progress: Called as `progress(message, 0, 0)`, or `None`.
    """

    def __init__(self, recipe, probe, steps, folder, progress=None):
        super().__init__()
        self.recipe, self.probe, self.steps = recipe, probe, steps
        self.folder, self.progress = folder, progress
        self.watch, self.readings = Watch(_option(recipe)), []
        self.events, self.seen = None, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self.events is None:
            self._begin(epoch * self.steps)

    def on_train_batch_begin(self, step, logs=None):
        done = self.epoch * self.steps + step
        if self.seen is None and done >= self.due:
            self.due = (done // self.recipe.diagnostics.every + 1) * self.recipe.diagnostics.every
            weights = self._weights()
            self.seen = (done, self.epoch + 1, weights, *self.probe(weights))

    def on_train_batch_end(self, step, logs=None):
        if self.seen is None:
            return
        steps = self.epoch * self.steps + step + 1 - self.seen[0]
        if steps >= self._steps_an_update():
            self._note(steps / self._steps_an_update())

    def on_epoch_end(self, epoch, logs=None):
        readings.write(self.folder, self.readings)
        self._summarise()
        if not all(math.isfinite(value) for value in (logs or {}).values()):
            self._draw()  # since training ends here

    def on_train_end(self, logs=None):
        self._draw()
        if self.events:
            self.events.close()

    def _begin(self, step):
        """Go on where an earlier process stopped, without what it saw after its last checkpoint."""
        self.readings = readings.read(self.folder, before=step)
        every = self.recipe.diagnostics.every
        self.due = -(-step // every) * every
        for look in readings.looks(self.readings):
            self.watch.add(look)
        self.events = events.EventFile(self.folder, step) if events.available() else False
        if self.events is False and self.progress:
            self.progress("No files for TensorBoard: pip install edgezoo[diagnostics]", 0, 0)

    def _weights(self):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        return self.probe.weights()

    def _steps_an_update(self):
        return getattr(self.model.optimizer, "gradient_accumulation_steps", None) or 1

    def _note(self, updates):
        """Keep the look that was begun, now that the weights have been changed `updates` times since."""
        step, epoch, before, loss, norms, activations = self.seen
        ratios = self.probe.ratios(before, self._weights())
        look = [
            Reading(
                step,
                epoch,
                name,
                norms.get(name),
                ratios[name] / updates if name in ratios else None,
                None if math.isnan(dead) else dead,
                minimum,
                maximum,
            )
            for name, (minimum, maximum, dead) in activations.items()
        ]
        self.readings += look
        self.seen = None
        if self.events:
            self.events.add(loss, look)
        for finding in self.watch.add(look):
            if self.progress:
                self.progress(str(finding), 0, 0)

    def _summarise(self):
        values = self.recipe.diagnostics
        content = {
            "every": values.every,
            "examples": values.examples,
            "layers": list(dict.fromkeys(r.layer for r in self.readings)),
            "findings": [f._asdict() for f in self.watch.found.values()],
        }
        files.write_json(self.folder / SUMMARY, content)

    def _draw(self):
        if self.readings:
            found = list(self.watch.found.values())
            drawing.diagnostics(self.folder / "plots" / PICTURE, self.readings, found, self.recipe.name)


def _option(recipe):
    """How the recipe's architecture is told to normalise, where it has not been; else nothing."""
    from zoo import registry

    takes = inspect.signature(registry.find(recipe.model)).parameters
    if "batch_norm" in takes and not recipe.arguments.get("batch_norm", takes["batch_norm"].default):
        return " (arguments.batch_norm=true)"
    return ""
