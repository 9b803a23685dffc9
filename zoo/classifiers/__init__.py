"""Image in `[0, 1]` in, logits `(n, classes)` out."""
