"""Tasks for Dramatiq."""

import os

import dramatiq
from calls import call
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS"]))


@dramatiq.actor
def work(user: str) -> None:
    call(user)


def queue(user: str) -> None:
    work.send(user)
