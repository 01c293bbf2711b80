"""For an app's own tests: `capture` keeps every call instead of sending it, and `Captured` asserts what was called."""

from .captured import Captured, capture, send_nothing
from .inspected import last_event, wait_for_event

__all__ = ["Captured", "capture", "last_event", "send_nothing", "wait_for_event"]
