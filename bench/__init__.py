"""Benchmarks: every figure beside a peer's of the same run, because machines differ and ratios do not."""
