"""Replays Segment's archives into PostHog with Dask, a file a task: on this machine, or on the cluster of a scheduler.

pip install 'analytics-posthog[dask,replay]'
POSTHOG_PROJECT_API_KEY=phc_... python replay_on_dask.py SOURCE [SCHEDULER]

Run it again, and it continues where it stopped. All workers share this directory, for state and rejects. Files run side
by side, so an older trait may win. To avoid that, add only=["track", "page", "screen"]; the command sends the rest.
"""

import os
import sys
from functools import partial
from pathlib import Path

from dask.distributed import Client, LocalCluster, as_completed

from analytics_posthog.replay import Summary, replay_file, sources

if __name__ == "__main__":
    scheduler = (
        sys.argv[2] if len(sys.argv) > 2 else LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    )
    with Client(scheduler) as client:
        replay = partial(
            replay_file,
            write_key=os.environ["POSTHOG_PROJECT_API_KEY"],
            host=os.environ.get("POSTHOG_HOST"),
            state=Path(".analytics-posthog-replay").absolute(),
            rejects=Path("rejects.jsonl").absolute(),
            rate=float(os.environ.get("RATE", "1800")) / len(client.nthreads()),  # events a second, over all workers
        )
        total, errors = Summary(), []
        for future in as_completed(client.map(replay, sources(sys.argv[1:2]), pure=False)):
            if future.status == "finished":
                total += future.result()
            else:  # that file alone; run again, it is tried again
                errors.append(str(future.exception()))
    print(f"{total.delivered} delivered, {sum(total.skipped.values())} skipped, rejected: {dict(total.rejected)}")
    sys.exit("\n".join(errors) if errors else 0)
