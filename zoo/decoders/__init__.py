"""Code `(n, code)` in, image out."""
