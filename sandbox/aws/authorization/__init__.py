"""Whether a caller may: which permissions a call needs, with which condition keys, and the decision."""
