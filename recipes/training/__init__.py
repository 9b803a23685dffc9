"""Training: one compiled model, its schedule, its checkpoints, and how it goes on after a kill."""
