"""Keeps messages on disk until PostHog has taken them."""

from .directory import ready
from .outbox import Outbox

__all__ = ["Outbox", "ready"]
