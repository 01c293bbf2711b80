"""Delivers messages to PostHog: converts them, queues the events, sends them in batches, and reports the outcome."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .call_sites import HEADER as CALL_SITES
from .call_sites import is_loopback
from .call_sites import note as note_call_site
from .clock import now
from .consumer import MAX_BATCH_SIZE, Consumer
from .debug_line import log_call
from .events import KEPT_AWAY, MAX_EVENT_SIZE, Events, raise_refusal, refusal
from .http import LIB, Target, post_batch, post_texts, write_event
from .ledger import Ledger, Ticket
from .lifecycle import DRAIN_TIMEOUT, STALL_TIMEOUT, Life, Route, begin, drain_all, end, no_fork, notice_fork
from .official import Official, disable_all
from .posthog import SEND_IS_FALSE, WAS_SHUT_DOWN, PostHog, request_context
from .protocol import ACCEPTED, DELIVERED, Delivery, NotMade, OnOutcome, Outcome
from .report import Report, log
from .retries import Sender, delivery_error
from .servers import forks_later, sends_for_its_parent
from .session import SHARED, Session, as_200, why_not_taken
from .signals import drain_on_sigterm, on_signals
from .waiting import Waiting
from .words import counted

if TYPE_CHECKING:
    from .forwarding import Answer, Forward
    from .probe import PROXY_ADVICE, Probe, ProbeFailed

__all__ = [
    "ACCEPTED",
    "CALL_SITES",
    "DELIVERED",
    "DRAIN_TIMEOUT",
    "KEPT_AWAY",
    "LIB",
    "MAX_BATCH_SIZE",
    "MAX_EVENT_SIZE",
    "PROXY_ADVICE",
    "SEND_IS_FALSE",
    "SHARED",
    "STALL_TIMEOUT",
    "WAS_SHUT_DOWN",
    "Answer",
    "Consumer",
    "Delivery",
    "Events",
    "Forward",
    "Ledger",
    "Life",
    "NotMade",
    "Official",
    "OnOutcome",
    "Outcome",
    "PostHog",
    "Probe",
    "ProbeFailed",
    "Report",
    "Route",
    "Sender",
    "Session",
    "Target",
    "Ticket",
    "Waiting",
    "as_200",
    "begin",
    "counted",
    "delivery_error",
    "disable_all",
    "drain_all",
    "drain_on_sigterm",
    "end",
    "forks_later",
    "is_loopback",
    "log",
    "log_call",
    "no_fork",
    "note_call_site",
    "notice_fork",
    "now",
    "on_signals",
    "post_batch",
    "post_texts",
    "raise_refusal",
    "refusal",
    "request_context",
    "sends_for_its_parent",
    "why_not_taken",
    "write_event",
]

# What the inspector and `check` alone use is loaded when they ask for it.
_LATER: Final = {"Answer": "forwarding", "Forward": "forwarding"} | dict.fromkeys(
    ("PROXY_ADVICE", "Probe", "ProbeFailed"), "probe"
)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
