"""Benchmarks: the same work for Segment's client, PostHog's own `capture()` and this package.

Run them in the root of the repository. `python -m tests.benchmarks.calls` prints a table, and
`python -m tests.benchmarks.growth` draws a plot. Both take `--quick`.
"""
