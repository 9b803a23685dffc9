"""Pictures of a run that are larger than one function of `recipes.plots`."""
