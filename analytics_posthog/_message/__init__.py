"""Segment's side: the six calls, and the checked and cleaned message that each of them makes. No word of PostHog."""

from .calls import Answer, Calls, Fields, Id, Timestamp
from .message import Message, complete, guess_timezone, parse_time, refusal, stringify_id
from .plain import MAX_SIZE, text
from .values import Pass, clean_dict, json_default, kind_name

__all__ = [
    "MAX_SIZE",
    "Answer",
    "Calls",
    "Fields",
    "Id",
    "Message",
    "Pass",
    "Timestamp",
    "clean_dict",
    "complete",
    "guess_timezone",
    "json_default",
    "kind_name",
    "parse_time",
    "refusal",
    "stringify_id",
    "text",
]
