"""All methods on the same images, each with the check that it depends on what was learnt."""

import dataclasses

import numpy as np

from recipes.explanations import attention, grad_cam, occlusion, saliency, sanity, scores
from recipes.explanations import integrated_gradients as integrated

METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion", "attention")
_TITLES = dict(
    zip(METHODS, ("Saliency", "Integrated gradients", "Grad-CAM", "Occlusion", "Attention"), strict=True)
)
_SIGNED = ("integrated_gradients", "occlusion")


@dataclasses.dataclass(frozen=True)
class Explanation:
    """A map of one image by one method.

    Attributes:
        method: One of `METHODS`.
        of: The layer whose maps these are; empty for methods that look at pixels.
        values: `(h, w)`, of the image's size.
        signed: Whether values below zero speak against the class.
        random: The map of the same model with random weights, `(h, w)`; `None` where that was not looked at.
        correlation: Rank correlation with maps of random weights, the mean over several draws; or `None`.
        facts: Figures of the method, by name.
    """

    method: str
    of: str
    values: np.ndarray
    signed: bool
    random: np.ndarray | None
    correlation: float | None
    facts: dict

    @property
    def unchanged(self):
        """Whether random weights give much the same map, so that it says little about the model."""
        return self.correlation is not None and self.correlation > sanity.ALIKE

    @property
    def title(self):
        """The method as people name it, above the layer where it is of one."""
        return "\n".join((_TITLES[self.method], self.of))


def explain(model, images, classes, methods=None, layer=None, baseline=0.0, draws=3):
    """Explanations of the scores of `classes`.

    Args:
        model: A Keras classifier of images, with one input and logits `(n, classes)`.
        images: `(n, h, w, c)`, as the model is fed them.
        classes: `(n,)`, the class of each image whose score is explained.
        methods: Some of `METHODS`; by default all that the model allows.
        layer: Name of the layer for Grad-CAM; the one behind the last convolution by default.
        baseline: The image without content for integrated gradients.
        draws: Random weights with which maps are compared; 0 for none.

    Returns:
        `(explanations, left_out)`: a list of `Explanation`s an image; by method why the model does not allow
        it.

    Raises:
        ValueError: The model cannot be explained, or not by one of the `methods` given.
    """
    if reason := scores.explainable(model):
        raise ValueError(f"{model.name} cannot be explained: {reason}")
    images, classes = np.asarray(images, np.float32), np.asarray(classes)
    chosen, left_out = _possible(model, images, methods, layer)
    learnt = _maps(model, images, classes, chosen, baseline)
    random = []
    for draw in range(draws):
        with sanity.randomised(model, draw):
            random.append(_maps(model, images, classes, chosen, baseline, exact=False))
    return [[_of(key, learnt, random, i) for key in learnt] for i in range(len(images))], left_out


def _possible(model, images, methods, layer):
    """`(methods, left out)`: by method the layer that it looks at, and why others can't be used."""
    unknown = [name for name in methods or () if name not in METHODS]
    if unknown:
        from recipes import registry

        closest = registry.closest(unknown[0], METHODS)
        raise ValueError(f"there is no method {unknown[0]!r}.{closest} Possible: {', '.join(METHODS)}")
    chosen, left_out = {}, {}
    for name in methods or METHODS:
        try:
            chosen[name] = _needed(name, model, images, layer)
        except ValueError as error:
            if methods or (layer and name == "grad_cam"):
                raise
            left_out[name] = str(error)
    return chosen, left_out


def _needed(name, model, images, layer):
    """What a method looks at; a `ValueError` where the model does not have it."""
    if name == "grad_cam":
        return layer or grad_cam.last_maps(model)
    if name == "attention" and not attention.attention_maps(model, images[:1]):
        raise ValueError(
            f"{model.name} has no attention over places, time or tokens; saliency and occlusion need none"
        )
    return ""


def _maps(model, images, classes, chosen, baseline, exact=True):
    """By `(method, layer)` maps `(n, h, w)` and the figures of each image."""
    found, size = {}, images.shape[1:3]
    none = [{} for _ in images]
    for name, layer in chosen.items():
        if name == "integrated_gradients":
            given = integrated.integrated_gradients(
                model, images, classes, baseline, **({} if exact else {"most": 32})
            )
            facts = [
                {"completeness_gap": float(g), "steps": int(s)}
                for g, s in zip(given.gaps, given.steps, strict=True)
            ]
            found[name, ""] = given.attributions.sum(axis=-1), facts
        elif name == "attention":
            for of, maps in attention.attention_maps(model, images).items():
                found[name, of] = scores.enlarged(maps, size), none
        elif name == "grad_cam":
            maps = grad_cam.grad_cam(model, images, classes, layer)
            found[name, layer] = scores.enlarged(maps, size), none
        else:
            function = {"saliency": saliency.saliency, "occlusion": occlusion.occlusion}[name]
            found[name, ""] = function(model, images, classes), none
    return found


def _of(key, learnt, random, i):
    """The `Explanation` of image `i` by the method and layer of `key`."""
    values, facts = learnt[key][0][i], learnt[key][1][i]
    others = [maps[key][0][i] for maps in random]
    return Explanation(
        method=key[0],
        of=key[1],
        values=values,
        signed=key[0] in _SIGNED,
        random=others[0] if others else None,
        correlation=float(np.mean([sanity.rank_correlation(values, o) for o in others])) if others else None,
        facts=facts,
    )
