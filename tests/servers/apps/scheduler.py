"""Jobs of APScheduler, in the scheduler's own thread pool."""

from apscheduler.schedulers.blocking import BlockingScheduler
from calls import call

scheduler = BlockingScheduler()
for number in range(20):
    scheduler.add_job(call, args=[f"u{number}"])
scheduler.start()
