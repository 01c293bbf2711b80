"""Segment's side: the six calls, and the checked and cleaned message that each of them makes."""

from .calls import Answer, Calls, Fields, Id, Timestamp
from .kinds import kind_name
from .message import FORMS, TAGS, Form, Message, check, complete, stringify_id
from .plain import MAX_SIZE, text
from .request import Request, current_request, in_request
from .times import guess_timezone, is_naive, parse_time
from .values import Pass, clean, clean_dict, json_default

__all__ = [
    "FORMS",
    "MAX_SIZE",
    "TAGS",
    "Answer",
    "Calls",
    "Fields",
    "Form",
    "Id",
    "Message",
    "Pass",
    "Request",
    "Timestamp",
    "check",
    "clean",
    "clean_dict",
    "complete",
    "current_request",
    "guess_timezone",
    "in_request",
    "is_naive",
    "json_default",
    "kind_name",
    "parse_time",
    "stringify_id",
    "text",
]
