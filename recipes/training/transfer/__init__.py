"""Fine-tuning: weights taken over from a trained model, some of them frozen, others learnt more slowly.

Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, sections 3.2 and 3.3,
https://arxiv.org/abs/1801.06146
"""

from recipes.training.transfer.beginning import applied, begun, check, load, optimizers, resolve

__all__ = ["applied", "begun", "check", "load", "optimizers", "resolve"]
