"""What the project promises in numbers, measured beside what one would use instead: ``make bench``.

Ratios are measured in one run, both sides in turn, so that a busy machine slows both; the absolute numbers beside them
are of this machine. Each module in ``cases`` declares its ``BENCHMARKS``.
"""
