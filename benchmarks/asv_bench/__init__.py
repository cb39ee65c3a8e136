"""Cases of the suites as airspeed velocity wants them: ``asv run --config benchmarks/asv.conf.json``."""
