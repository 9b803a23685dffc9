"""Layers and blocks that the architectures share and Keras lacks."""
