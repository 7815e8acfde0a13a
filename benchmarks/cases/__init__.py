"""A module a subject; each declares ``BENCHMARKS``."""
