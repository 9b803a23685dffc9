"""Searching for better values of a recipe: keras-tuner's oracles, trials that are runs, and what they taught."""
