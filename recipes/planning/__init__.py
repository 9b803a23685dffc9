"""What a recipe needs of a TPU, found out by the TPU's own compiler on a machine that has none.

`plan(recipe, topology)` compiles the training step in a process of its own, whatever backend is in use here,
and gives a `Plan`. `python -m recipes.planning` writes the table of all recipes.
"""

from recipes.planning.chips import CHIPS, Topology, topology
from recipes.planning.planner import plan
from recipes.planning.plans import Collective, Estimate, Largest, Plan

__all__ = ["CHIPS", "Collective", "Estimate", "Largest", "Plan", "Topology", "plan", "topology"]
