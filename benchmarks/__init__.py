"""Times cyconv beside NumPy, SciPy and other libraries: ``python -m benchmarks --help`` in a checkout."""
