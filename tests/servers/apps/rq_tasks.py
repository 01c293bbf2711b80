"""Tasks for RQ."""

import os

from redis import Redis
from rq import Queue


def work(user: str) -> None:
    from calls import call  # not in the process that only queues

    call(user)


def queue(user: str) -> None:
    Queue(connection=Redis.from_url(os.environ["REDIS"])).enqueue(work, user)
