"""Any order of writes, outcomes, takeovers and deaths leaves each line that isn't done with on the disk, once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import booleans, integers

from analytics_posthog import QueueFull
from analytics_posthog._outbox.directory import OutboxDirectory, Place


class Machine(RuleBasedStateMachine):
    """`sending` are the lines on their way, `kept` those to be sent again."""

    @initialize()
    def begin(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.number = 0
        self.sending: dict[bytes, Place] = {}
        self.kept: set[bytes] = set()
        self.done: set[bytes] = set()
        self.directory = self.made()

    def made(self) -> OutboxDirectory:
        return OutboxDirectory(self.path, max_bytes=64 * 40, to_disk=False)  # a new file after 40 bytes

    @rule(size=integers(1, 30))
    def write(self, size: int) -> None:
        self.number += 1
        line = b"%d" % self.number + b"x" * size
        try:
            place = self.directory.write(line + b"\n")
        except QueueFull:
            assert len(self.sending) + len(self.kept) > 20
        else:
            assert place is not None
            self.sending[line] = place

    @rule(keep=booleans())
    def settle(self, keep: bool) -> None:
        if self.sending:
            line = next(iter(self.sending))
            self.directory.settle(self.sending.pop(line), keep=keep)
            (self.kept if keep else self.done).add(line)

    @rule()
    def next(self) -> None:
        found = self.directory.next()
        assert (found is not None) == bool(self.kept)
        if found is not None:
            place, line = found
            self.kept.remove(line)
            self.sending[line] = place

    @rule()
    def die_and_be_taken_over(self) -> None:
        self.directory.leave()  # the system closes a dead process's files, and forgets its locks
        self.directory = self.made()
        self.kept |= self.sending.keys()
        self.sending = {}
        again = set()
        for path in self.directory.others():
            file = self.directory.take_over(path)
            assert file is not None
            again |= {file.line(offset) for offset in file.kept}
        # What was done with may still be in a file that has other lines: it is sent again, and PostHog counts it once.
        assert self.kept <= again <= self.kept | self.done
        self.kept = again
        self.done -= again

    @invariant()
    def each_line_is_on_the_disk(self) -> None:
        lines = [line for path in self.path.glob("*.jsonl") for line in path.read_bytes().splitlines()]
        assert len(lines) == len(set(lines))
        assert self.sending.keys() | self.kept <= set(lines)
        assert self.directory.kept() == len(self.kept)

    def teardown(self) -> None:
        self.directory.stop()
        shutil.rmtree(self.path)


TestDirectory = Machine.TestCase
TestDirectory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
