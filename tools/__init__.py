"""What maintainers run: generators of the files that are derived from something else."""
