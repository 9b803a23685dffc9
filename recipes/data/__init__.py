"""Data sets of tensorflow-datasets, prepared once into memory-mapped arrays and fed in seeded order."""
