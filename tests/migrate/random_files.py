"""Files of random Python: real ones, mutated. What isn't Segment's must stay as it is, and nothing may end the command.

python -m tests.migrate.random_files [--count N] [--seed N]
"""

from __future__ import annotations

import argparse
import ast
import difflib
import random
import re
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

from analytics_posthog._migrate import read_app
from tests.migrate import shop

# Put in as lines of their own.
LINES = [
    *(text for text, _ in shop.SPELLINGS.values()),
    "analytics.write_key = 'segment k'\n",
    "analytics.host = \\\n    'segment h'\n",
    "segment.analytics.track(1, 'x')\n",
    "client = Client(\n    'segment k')\n",
    "mock.patch('segment.analytics.track')\n",
    "logging.getLogger('segment')\n",
    "if x: import analytics; analytics.write_key = 'segment k'\n",
    "lambda: analytics.track(*a, **b)\n",
    "del analytics\n",
    "global analytics\n",
    "import os, analytics\n",
    "os = analytics.Client(write_key='segment k', host=os)\n",
    "x = f'{analytics.track(1, \"x\")} {segment.analytics}'\n",
    "with analytics.Client('segment k') as c: c.track(1, 'x')\n",
    "for analytics in analytics: analytics.track(1)\n",
    "\\\n",
    "\x0c\n",
    "# segment.analytics\n",
    "'ä\u2028 segment.analytics'\n",
]
# Put in anywhere.
PIECES = [
    "lambda: ",
    "async ",
    "'''",
    '"',
    "\\\n",
    "\t",
    "\r",
    "\x0c",
    "\0",
    "(",
    ")",
    "# ",
    "@",
    ":=",
    "f'{",
    "import *",
    " ",
]
ABOUT = re.compile(r"segment|analytics|write_key|host|Client|POSTHOG", re.IGNORECASE)


def bases() -> list[list[str]]:
    """Return real files of Python's own library, of middling size: the text of each statement at the top."""
    found = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if len(text) < 30_000:
            body = ast.parse(text).body
            lines = text.splitlines(keepends=True)
            found.append(["".join(lines[node.lineno - 1 : node.end_lineno]) for node in body])
    return [statements for statements in found if statements]


def mutated(chance: random.Random, texts: list[list[str]]) -> bytes:
    """Return a file: statements of real ones, with lines put in, and sometimes broken."""
    statements = chance.choice(texts)
    start = chance.randrange(len(statements))
    lines = "".join(statements[start : start + chance.randrange(1, 8)]).splitlines(keepends=True)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(lines) + 1)
        after = lines[at] if at < len(lines) else ""
        indent = after[: len(after) - len(after.lstrip())]
        lines.insert(at, "".join(f"{indent}{line}" for line in chance.choice(LINES).splitlines(keepends=True)))
    if chance.random() < 0.2:
        at = chance.randrange(len(lines))
        place = chance.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:place] + chance.choice(PIECES) + lines[at][place:]
    data = "".join(lines).encode()
    if chance.random() < 0.05:
        place = chance.randrange(len(data) + 1)
        data = data[:place] + bytes([chance.randrange(256)]) + data[place:]
    if chance.random() < 0.1:
        data = data.replace(b"\n", b"\r\n")
    return b"\xef\xbb\xbf" + data if chance.random() < 0.03 else data


def fault_of(path: Path, data: bytes) -> tuple[str, str]:
    """Return what became of a file (left, same or changed), and what is wrong with that, or ""."""
    path.write_bytes(data)
    app = read_app([path])
    if app.left:
        return "left", ""
    if not app.changes:
        return "same", ""
    after = app.changes[0].after
    try:
        ast.parse(after)
    except SyntaxError as error:
        return "changed", f"it can't be parsed any more: {error}"
    before, changed = (each.decode("utf-8-sig").split("\n") for each in (data, after))
    for line in difflib.ndiff(before, changed):
        bare = re.sub(r"[^ -~]", "", line)
        if line[0] in "+-" and not ABOUT.search(bare) and bare[2:].strip() != "import os":
            return "changed", f"another line is changed: {line!r}"
    path.write_bytes(after)
    again = read_app([path])
    return "changed", "a second run changes it again" if again.changes else ""


def run(count: int, seed: int) -> Counter[str]:
    """Make and check files; return how many were left, the same and changed. Raises AssertionError with the seed."""
    texts, found = bases(), Counter[str]()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "random_file.py"
        for number in range(count):
            data = mutated(random.Random(f"{seed} {number}"), texts)
            what, fault = fault_of(path, data)
            found[what] += 1
            assert not fault, f"seed {seed}, file {number}: {fault}\n{data.decode('utf-8', 'replace')}"
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.write(f"{dict(run(options.count, options.seed))}\n")


if __name__ == "__main__":
    main()
