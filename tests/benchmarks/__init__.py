"""Benchmarks: Segment's client, PostHog's own `capture()` and this package, put through the same.

`python -m tests.benchmarks.calls` prints a table, `python -m tests.benchmarks.growth` draws a plot; both take `--quick`.
To be run in the root of the repository.
"""
