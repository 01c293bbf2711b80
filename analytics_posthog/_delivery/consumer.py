"""The threads that take messages off a client's queue, batch by batch.

`Consumer` is a subclass of the official one, but it is not in the official client's own list of consumers. That client
builds its consumers itself, in private, and its `consumers` returns a copy of the list. So the six calls have a queue
of their own. The official client is left whole for what an app does with it (see `official`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import posthog.consumer

from .._settings import Settings
from .clock import now
from .http import Target
from .ledger import Ticket
from .waiting import Waiting

MAX_BATCH_SIZE: Final = 5 * 1024 * 1024  # bytes; half of what PostHog takes in one request
_LEAST_INTERVAL: Final = 0.05  # seconds to wait for a first message; with no wait at all, the thread would never rest


class Consumer(posthog.consumer.Consumer):
    """Takes batches off the queue and has them delivered.

    `deliver(batch)` settles each message and never raises. `hurried()` says whether somebody waits for the messages;
    who begins to wait calls the queue's `wake`.
    """

    def __init__(
        self,
        waiting: Waiting[Ticket],
        target: Target,
        settings: Settings,
        deliver: Callable[[list[Ticket]], None],
        hurried: Callable[[], bool],
    ) -> None:
        super().__init__(
            waiting,
            target.api_key,
            flush_at=settings.upload_size,
            host=target.host,
            flush_interval=settings.upload_interval,
            gzip=target.gzip,
            retries=settings.max_retries,
            timeout=target.timeout,
        )
        self.batch: list[Ticket] = []  # taken off the queue, and not settled yet
        self._deliver = deliver
        self._hurried = hurried

    def upload(self) -> bool:
        """Deliver the next batch. Return whether there was one.

        The official one drops a batch without a word if the consumer was paused meanwhile.
        """
        batch = self.next()
        if not batch:
            return False
        try:
            self.request(batch)
        finally:
            self.batch = []
            self.queue.task_done(len(batch))
        return True

    def request(self, batch: list[Ticket]) -> None:
        """Deliver a batch."""
        self._deliver(batch)

    def next(self) -> list[Ticket]:
        """Return the next batch: `flush_at` messages, or fewer after `flush_interval` seconds or if somebody waits.

        The official one serialises each event only to learn its size; ours is known.
        """
        batch: list[Ticket] = []
        self.batch = batch
        room = MAX_BATCH_SIZE
        deadline = now() + max(self.flush_interval, _LEAST_INTERVAL)
        while len(batch) < self.flush_at and room > 0:
            first = not batch
            taken = self._take(batch, room, deadline)
            if not taken:
                break
            room -= taken
            if first:
                deadline = min(deadline, now() + self.flush_interval)
        return batch

    def _take(self, batch: list[Ticket], room: int, deadline: float) -> int:
        """Add what is on the queue to the batch: at most `room` bytes, but for the last message. Return their size.

        Waits for a first message until the deadline. Adds nothing after the deadline and when the consumer was paused,
        nor when the queue is empty, the batch is not, and somebody waits for it.
        """
        size = 0

        def fits(ticket: Ticket) -> bool:
            nonlocal size
            batch.append(ticket)
            size += ticket.size
            return size < room

        def is_over() -> bool:
            return not self.running or (bool(batch) and self._hurried())

        while True:
            if self.queue.take(self.flush_at - len(batch), fits):
                return max(size, 1)
            rest = deadline - now()
            if rest <= 0 or is_over():
                return 0
            self.queue.wait(rest, is_over)
