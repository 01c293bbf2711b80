"""Delivers messages to PostHog: converts them, queues the events, sends them in batches, and reports the outcome."""

from .batch import LIB, post_batch, post_texts, write_event
from .consumer import MAX_BATCH_SIZE, Event, Retries, Uploader, now
from .debug_line import log_call
from .events import MAX_EVENT_SIZE, BeforeSend, Events
from .forwarding import Answer, Forward
from .http import Session, why_not_taken
from .ledger import Ledger
from .lifecycle import call, on_signals
from .posthog import STALL_TIMEOUT, PostHog, request_context
from .probe import PROXY_ADVICE, Probe, ProbeFailed, Target, target_for
from .refusal import refusal
from .report import OnError, OnSuccess, Report, log

__all__ = [
    "LIB",
    "MAX_BATCH_SIZE",
    "MAX_EVENT_SIZE",
    "PROXY_ADVICE",
    "STALL_TIMEOUT",
    "Answer",
    "BeforeSend",
    "Event",
    "Events",
    "Forward",
    "Ledger",
    "OnError",
    "OnSuccess",
    "PostHog",
    "Probe",
    "ProbeFailed",
    "Report",
    "Retries",
    "Session",
    "Target",
    "Uploader",
    "call",
    "log",
    "log_call",
    "now",
    "on_signals",
    "post_batch",
    "post_texts",
    "refusal",
    "request_context",
    "target_for",
    "why_not_taken",
    "write_event",
]
