"""Packages from the index that use Segment's SDK, each used as its own users do, and the events that must arrive."""

from __future__ import annotations

from typing import Final, NamedTuple


class Package(NamedTuple):
    """`use` is run after install_as_segment(); `legacy` packages say `import analytics`. `events` arrive, in any order.

    `requirements` are separated by spaces, the package itself first. `why_not` says why nothing can arrive.
    """

    requirements: str
    legacy: bool
    use: str
    events: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    why_not: str = ""


PACKAGES: Final = (
    Package(
        "event-tracking",
        True,
        """
from eventtracking.backends.segment import SegmentBackend
from eventtracking.tracker import Tracker
tracker = Tracker(backends={"segment": SegmentBackend()})
with tracker.context("request", {"user_id": 10}):
    tracker.emit("edx.course.enrollment.activated", {"mode": "honor"})
""",
        ("edx.course.enrollment.activated",),
    ),
    Package(
        "apache-airflow-providers-segment",
        False,
        """
from airflow.providers.segment.hooks.segment import SegmentHook
SegmentHook().get_conn().track("u1", "Bought", {"price": 5})
""",
        ("Bought",),
        (("AIRFLOW_CONN_SEGMENT_DEFAULT", '{"conn_type": "segment", "extra": {"write_key": "of-segment"}}'),),
    ),
    Package(
        "flask-segmentio flask",  # which it doesn't ask for itself
        True,
        """
from flask import Flask
from flask_segmentio import SegmentIO
app = Flask("shop")
app.config["SEGMENTIO_WRITE_KEY"] = "of-segment"
segment = SegmentIO(app)
segment.identify("u1", {"plan": "team"})
segment.track("u1", "Bought", {"price": 5})
segment.page("u1", "Docs", "Home")
segment.screen("u1", "Docs", "Home")
segment.group("u1", "g1", {"name": "G"})
segment.alias("a1", "u1")
segment.flush()
""",
        ("$identify", "Bought", "$pageview", "$screen", "$groupidentify", "$create_alias"),
    ),
    Package(
        "nannyml statsmodels",
        False,
        """
from nannyml.usage_logging import UsageEvent, log_usage
log_usage(UsageEvent.STATS_COUNT_RUN)(lambda: None)()
""",
        ("Simple Stats Count run",),
    ),
    Package(
        "matcha-ml",
        False,
        """
from matcha_ml.services.analytics_service import AnalyticsEvent, track
track(AnalyticsEvent.GET)(lambda: (None, None))()
""",
        ("get",),
    ),
    Package(
        "itly-plugin-segment itly-sdk",
        True,
        """
from itly_plugin_segment import SegmentPlugin
from itly_sdk import Environment, Event, Itly, Options, Properties
itly = Itly()
itly.load(options=Options(environment=Environment.PRODUCTION, plugins=[SegmentPlugin("of-segment")]))
itly.identify("u1", Properties(plan="team"))
itly.group("u1", "g1", Properties(name="G"))
itly.track("u1", Event("Bought", Properties(price=5)))
itly.flush()
itly.shutdown()
""",
        ("$identify", "$groupidentify", "Bought"),
    ),
    Package(
        "argilla-v1",
        True,
        """
from argilla_v1.utils.telemetry import get_telemetry_client
get_telemetry_client().track_data("TaskCreated", {"kind": "text"})
""",
        ("TaskCreated",),
    ),
    Package(
        "determined",
        True,
        """
from determined.common.api import analytics
analytics.send_analytics("trial_created", {"framework": "none"})
""",
        ("trial_created",),
        (("DET_SEGMENT_ENABLED", "true"), ("DET_CLUSTER_ID", "c1"), ("DET_SEGMENT_API_KEY", "of-segment")),
    ),
    Package(
        "re-data dbt-core<1.9",  # later ones are not whole on the index
        True,
        """
from re_data.tracking import anonymous_tracking
anonymous_tracking(lambda: None)()
""",
        ("$identify", "command_call", "command_call"),
    ),
    Package(
        "aim==3.16.0",
        False,
        """
import aim
aim.analytics.track_event(event_name="[Aim] something")
""",
        ("$identify", "[Aim] install", "$identify", "[Aim] something"),
    ),
    Package(
        "segment-queue",
        True,
        """
import pickle
from segment import Analytics
class Redis:
    def rpush(self, name, data):
        assert pickle.loads(data)["kwargs"]["event"] == "Bought"
Analytics("of-segment", Redis()).track("u1", "Bought")
import segment.analyticsqueue
""",
        (),
        why_not="it posts to api.segment.io by itself, and uses only DatetimeSerializer, ID_TYPES and require",
    ),
)
