"""Code `(n, code)`, or a small image, in; image out."""
