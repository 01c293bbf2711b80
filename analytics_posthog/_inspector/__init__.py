"""The local inspector: a page on loopback that shows each event as the app sends it. Started by `analytics-posthog inspect`.

Read in this order: `capture` (what comes in), `store` (what is kept), `explain` (what it says), `plain`, `forward`, `app`, `server`.
What it does not do: keep the key, write to disk, or load anything from outside.
"""

from .server import serve

__all__ = ["serve"]
