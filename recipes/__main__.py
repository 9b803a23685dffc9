"""`python -m recipes` is `edgezoo` for a clone that is not installed."""

from recipes.cli import main

main()
