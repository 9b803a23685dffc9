"""Image in `[0, 1]` in, its reconstruction through a narrow code out."""
