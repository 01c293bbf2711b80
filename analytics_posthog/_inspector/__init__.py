"""The local inspector: a page that shows each event as the app sends it. `analytics-posthog inspect` starts it.

Read in this order: `reverse` (the Segment message of an event), `body` (what comes in), `warnings`, `explain`, `store`
(what is kept), `line`, `stream`, `guard`, `app`, `terminal`, `server`. It doesn't keep the key, write to disk, or load
anything from outside.
"""

from .guard import Reach
from .server import serve

__all__ = ["Reach", "serve"]
