"""Keeps messages on disk until PostHog has taken them."""

from .directory import OutboxDirectory, ready
from .outbox import Outbox

__all__ = ["Outbox", "OutboxDirectory", "ready"]
