"""Tasks for Celery, with files as the broker."""

import os

from calls import call
from celery import Celery

folder = os.environ["FOLDER"]
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 1


@app.task
def work(user: str) -> None:
    call(user)


def queue(user: str) -> None:
    work.delay(user)
