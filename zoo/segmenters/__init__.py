"""Image in `[0, 1]` in, logits of every position `(n, h, w, classes)` out."""
