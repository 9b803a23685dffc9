"""What a file says about itself: labels, input normalisation, author, licence and recipe."""
