"""The code blocks of the README and of docs/, and how a reader would run them."""

from __future__ import annotations

import configparser
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from analytics_posthog._settings import HOST_VARIABLE, KEY_VARIABLE

from .child_process import environment
from .posthog_server import PostHogServer

ROOT = Path(__file__).resolve().parents[2]
KEY = "phc_" + "Ab3" * 14 + "x"
PAGES = {path.name: path.read_text("utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<marks>[\w-]+(?:: [^\n]*?)?) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S
)
_DAY = 86_400_000  # ms
_FIRST_DAY = 1_767_139_200_000


def has_only_known_extras(command: str) -> bool:
    """Whether a `pip install ...` installs this package, with extras that there are."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    found = re.fullmatch(rf"pip install '?{settings['metadata']['name']}(?:\[([\w,]+)\])?'?", command)
    named = (found[1] or "").split(",") if found else ["no package of ours"]
    return set(filter(None, named)) <= set(settings["options.extras_require"])


class Block(NamedTuple):
    """A block. `marks` is the comment above it: what it sends, or what it needs."""

    page: str
    language: str
    code: str
    marks: str

    @property
    def sends(self) -> list[str]:
        """The events that it says it sends."""
        names = self.marks.removeprefix("sends: ") if self.marks.startswith("sends: ") else ""
        return sorted(filter(None, names.split(", ")))

    def filled(self, server: PostHogServer, directory: Path) -> str:
        """The code, with a key, addresses on loopback and a directory of the test's."""
        code = self.code.replace("phc_...", KEY)
        code = re.sub(r"https://(?:eu\.i\.posthog\.com|api\.segment\.io)|http://127\.0\.0\.1:8765", server.url, code)
        return code.replace("/var/lib/app", str(directory))


def blocks(page: str, language: str) -> list[Block]:
    """Return the blocks of a page in a language."""
    return [
        Block(page, language, found["code"], found["marks"] or "")
        for found in _BLOCK.finditer(PAGES[page])
        if found["language"] == language
    ]


def message(number: int, **fields: Any) -> dict[str, Any]:
    """One as Segment's archives have it, with the fields that Segment adds."""
    time = f"2025-12-31T0{number % 10}:00:00.000Z"
    added = {
        "receivedAt": time,
        "sentAt": time,
        "originalTimestamp": time,
        "version": 2,
        "projectId": "p",
        "channel": "server",
    }
    return {
        "type": "track",
        "userId": "u1",
        "event": "Bought",
        "messageId": f"m{number}",
        "timestamp": time,
        **added,
        **fields,
    }


ARCHIVED = [
    message(1),
    message(2, type="identify", event=None, traits={"plan": "pro"}),
    message(3, event="Heartbeat"),
    message(4, timestamp="2026-01-02T00:00:00.000Z"),
]


def prepare(directory: Path) -> Path:
    """Make where the commands are run: a repository with an app, and an archive in Segment's layout on S3."""
    days = directory / "archive" / "segment-logs" / "source1"
    for day, messages in ((_FIRST_DAY, ARCHIVED[:2]), (_FIRST_DAY + _DAY, ARCHIVED[2:])):
        (days / str(day)).mkdir(parents=True)
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        (days / str(day) / "1.a.gz").write_bytes(gzip.compress(lines.encode()))
    (directory / "app.py").write_text("import segment.analytics as analytics\n\nanalytics.track(user, 'Bought')\n")
    (directory / ".gitignore").write_text("bin\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *arguments], cwd=directory, check=True)
    return directory


def run(command: str, directory: Path, server: PostHogServer) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would type it, where `analytics-posthog` is this package's."""
    bin_directory = directory / "bin"
    bin_directory.mkdir(exist_ok=True)
    program = bin_directory / "analytics-posthog"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m analytics_posthog "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(bin_directory), str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {
        HOST_VARIABLE: server.url,
        KEY_VARIABLE: KEY,
        "XDG_STATE_HOME": str(directory / "state"),
        "PATH": path,
    }
    bash = ["bash", "-c", command]
    return subprocess.run(
        bash, env=environment(**variables), cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )
