"""Results that hold up: spread over folds and seeds, comparisons with intervals, honest probabilities."""
