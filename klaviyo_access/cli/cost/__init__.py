"""``cost``: what a stack costs a month, line by line."""
