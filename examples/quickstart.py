"""The six calls, and what PostHog receives for each.

Without a key they go to a small receiver on this machine, and a table shows what arrived. With one they go to PostHog:

    POSTHOG_PROJECT_API_KEY=phc_... POSTHOG_HOST=https://eu.i.posthog.com python quickstart.py
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import analytics_posthog as analytics

# What PostHog gets with every event (ids, library, address); the table shows what is particular to each call.
SAME_EVERYWHERE = ("$geoip_disable", "$lib", "$lib_version", "segment_library", "distinct_id")
WIDTHS = (9, 16, 12)


def make_the_six_calls() -> list[dict[str, Any]]:
    """Just as an app makes them with Segment's SDK; returns Segment's messages."""
    browser = {"ip": "203.0.113.7", "page": {"url": "https://example.com/pricing?utm_source=mail", "path": "/pricing"}}
    answers = [
        analytics.identify("user-42", {"email": "user@example.com", "plan": "team"}, anonymous_id="anon-1"),
        analytics.track("user-42", "Signed Up", {"plan": "team", "seats": 12}),
        analytics.page("user-42", "Docs", "Pricing", {"variant": "b"}, context=browser),
        analytics.screen("user-42", None, "Settings", context={"os": {"name": "iOS", "version": "19.1"}}),
        analytics.group("user-42", "company-7", {"name": "Example Ltd", "employees": 80}),
        analytics.alias("old-id-42", "user-42"),
    ]
    return [message for accepted, message in answers if accepted]


class Receiver(BaseHTTPRequestHandler):
    """Takes batches at `POST /batch/`, as PostHog does, and keeps their events."""

    received: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.extend(json.loads(body)["batch"])
        answer = b'{"status": "Ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Quiet: the table is the log."""


def print_row(*cells: str) -> None:
    print("  ".join([cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=False)] + [cells[-1]]).rstrip())


def leaves(properties: dict[str, Any]) -> Iterator[str]:
    """Each property as a line, Segment's own copy of the context left aside."""
    for name, value in properties.items():
        if name not in SAME_EVERYWHERE and not name.startswith("segment_"):
            yield f"{name} = {json.dumps(value)}"


def print_table(messages: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    print_row("Segment", "PostHog", "", "")
    print_row("call", "event", "distinct_id", "properties")
    print_row(*("-" * width for width in WIDTHS), "-" * 40)
    for message, event in zip(messages, events, strict=True):
        first, *others = [*leaves(event["properties"]), ""]
        print_row(message["type"], event["event"], event["distinct_id"], first)
        for line in others:
            print_row("", "", "", line)


def show_what_arrives() -> int:
    """Sends to a receiver of our own; returns the exit status."""
    os.environ["no_proxy"] = "127.0.0.1"  # a proxy that this machine uses has no business on loopback
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        analytics.write_key = "phc_quickstart"
        analytics.host = f"http://127.0.0.1:{receiver.server_port}"
        messages = make_the_six_calls()
        delivered = analytics.flush(timeout=10)
        analytics.shutdown()
        receiver.shutdown()
    if not delivered or len(Receiver.received) != len(messages):
        print(f"{len(Receiver.received)} of {len(messages)} events arrived", file=sys.stderr)
        return 1
    print("No POSTHOG_PROJECT_API_KEY is set, so the events went to a receiver on this machine:\n")
    print_table(messages, Receiver.received)
    print("Every event also has $lib, the Segment context as segment_*, and $geoip_disable unless the call said an IP.")
    return 0


def send_to_posthog(key: str, host: str | None) -> int:
    """Sends to the project that the key belongs to; returns the exit status."""
    problems: list[Exception] = []
    analytics.write_key, analytics.host = key, host
    analytics.on_error = lambda error, messages: problems.append(error)
    messages = make_the_six_calls()
    delivered = analytics.flush(timeout=30)
    analytics.shutdown()
    if problems or not delivered:
        print(f"Not everything was delivered: {problems or 'no answer in 30 s'}", file=sys.stderr)
        return 1
    print(f"{len(messages)} events were sent. See them in PostHog under Activity, as the person user-42.")
    return 0


if __name__ == "__main__":
    key = os.environ.get("POSTHOG_PROJECT_API_KEY")
    sys.exit(send_to_posthog(key, os.environ.get("POSTHOG_HOST")) if key else show_what_arrives())
