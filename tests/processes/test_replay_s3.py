"""s3:// against a real S3 server on loopback, with what it takes from Segment's bucket to PostHog."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.posthog_server import PostHogServer
from tests.support.replays import jsonl, message, numbers, rejects, replay_process

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
LOGS = "segment-logs"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 with a bucket in Segment's layout: three files, the later day's first by name."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    )
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key, lines in {
        f"{LOGS}/a/1700086400000/1.gz": [message(number) for number in range(600, 1500)],
        f"{LOGS}/b/1700000000000/1.gz": [message(number) for number in range(300)],
        f"{LOGS}/a/1700000000000/2.gz": [*(message(number) for number in range(300, 600)), b"bad\n"],
        f"{LOGS}/a/1700000000000/.hidden": [b"nothing\n"],
    }.items():
        client.put_object(Bucket="bucket", Key=key, Body=gzip.compress(jsonl(lines)))
    client.close()
    yield url
    server.stop()


def run(server: PostHogServer, directory: Path, s3: str, *arguments: str) -> Any:
    return replay_process(server.url, directory, *arguments, env={**CREDENTIALS, "AWS_ENDPOINT_URL": s3})


def test_a_bucket_is_replayed_oldest_first_and_once(s3: str, posthog_server: PostHogServer, tmp_path: Path) -> None:
    for begin in ("delivered: 1,500\n", "delivered: 0\nsent before: 1,500\n"):
        done = run(posthog_server, tmp_path, s3, f"s3://bucket/{LOGS}/")
        assert (done.returncode, done.stderr) == (1, "1 line was rejected, see rejects.jsonl\n")
        assert done.stdout.startswith(begin)
    assert numbers(posthog_server.events) == list(range(1500))
    assert rejects(tmp_path / "rejects.jsonl") == [
        {"file": f"s3://bucket/{LOGS}/a/1700000000000/2.gz", "line": 301, "reason": "not valid JSON", "text": "bad"}
    ]


def test_a_glob_and_a_single_object_do_as_well(s3: str, posthog_server: PostHogServer, tmp_path: Path) -> None:
    done = run(
        posthog_server,
        tmp_path,
        s3,
        f"s3://bucket/{LOGS}/*/1700000000000/*.gz",
        f"s3://bucket/{LOGS}/a/1700086400000/1.gz",
    )
    assert done.stdout.startswith("delivered: 1,500\n")
    assert numbers(posthog_server.events) == list(range(1500))


def test_a_bucket_that_is_not_there_and_one_without_credentials_are_errors(
    s3: str, posthog_server: PostHogServer, tmp_path: Path
) -> None:
    done = run(posthog_server, tmp_path, s3, "s3://nowhere/x")
    assert done.returncode == 2
    assert "s3://nowhere/x" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
