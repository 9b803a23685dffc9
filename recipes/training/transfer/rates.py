"""Learning rates that differ from layer to layer: Keras's optimisers with a factor a weight.

The factor is on the step, not on the gradient, whose size Adam takes no notice of.
"""

import keras


class _Graded:
    """An optimiser whose learning rate has a factor for each variable; 0 leaves a variable as it is, to the bit.

    Moments are kept up to date whatever the factor is.

    Attributes:
        factors: One a variable, in the order in which the optimiser was built on them; all 1 where empty.
    """

    factors, _factor = (), 1.0

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate * self._factor_of(variable))

    def _apply_weight_decay(self, variables):
        """Decoupled decay is a step too: its rate has the same factors."""
        by_factor = {}
        for variable in variables:
            by_factor.setdefault(self._factor_of(variable), []).append(variable)
        try:
            for self._factor, same in by_factor.items():
                super()._apply_weight_decay(same)
        finally:
            self._factor = 1.0

    def _get_current_learning_rate(self):
        rate = super()._get_current_learning_rate()
        return rate if self._factor == 1 else rate * self._factor

    def _factor_of(self, variable):
        return self.factors[self._get_variable_index(variable)] if self.factors else 1.0


class SGD(_Graded, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with a factor a variable."""


class Adam(_Graded, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with a factor a variable."""


class AdamW(_Graded, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with a factor a variable."""


def give(optimizer, factors, variables):
    """Set the factors of an optimiser that was built on `variables`.

    Args:
        optimizer: One of this module's, or a `LossScaleOptimizer` around one.
        factors: By the `id` of a variable; those that are not there have 1.
        variables: In the order in which the optimiser was built on them.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.factors = tuple(factors.get(id(variable), 1.0) for variable in variables)
