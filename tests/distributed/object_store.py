"""An S3-compatible object store for tests: the server of moto."""

from __future__ import annotations

import json
import logging
from types import TracebackType
from typing import Any, Self

from demo.airflow_lab.settings import LOOPBACK

BUCKET = "flashpoint"
_REGION = "us-east-1"
_KEY = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


class ObjectStore:
    """A store on a free loopback port, which keeps its objects in memory.

    :param bucket: the bucket to create, or None.
    """

    def __init__(self, bucket: str | None = BUCKET) -> None:
        from moto.server import ThreadedMotoServer

        self._bucket = bucket
        self._server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it logs a line for each request
        self._server.start()
        try:
            if self._bucket:
                self._client().create_bucket(Bucket=self._bucket)
        except BaseException:
            self._server.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    def buckets(self) -> list[str]:
        """Return the names of all buckets."""
        return [each["Name"] for each in self._client().list_buckets()["Buckets"]]

    def keys(self) -> list[str]:
        """Return the names of all objects of the bucket, sorted."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sorted(each["Key"] for page in pages for each in page.get("Contents", ()))

    def staging_uri(self, conn_id: str) -> str:
        """Return the address of a staging storage in the bucket, which uses an Airflow connection."""
        return f"s3://{conn_id}@{BUCKET}/staging"

    def connection(self) -> str:
        """Return the Airflow connection to this store, as JSON."""
        return json.dumps({
            "conn_type": "aws",
            "login": _KEY["aws_access_key_id"],
            "password": _KEY["aws_secret_access_key"],
            "extra": {"endpoint_url": self._url, "region_name": _REGION},
        })

    @property
    def _url(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def _client(self) -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=self._url, region_name=_REGION, **_KEY)
