"""The file store that product and cluster share: an S3-compatible server, moto's."""

from __future__ import annotations

import logging

import boto3
from moto.server import ThreadedMotoServer

from tests.e2e.stack import free_port

BUCKET, KEY, SECRET = "einstein", "bench", "no secret at all"


class ObjectStore:
    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self.server.start()
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)

    @property
    def env(self) -> dict[str, str]:
        return {
            "EINSTEIN_STORAGE_URL": f"s3://{BUCKET}/files", "FSSPEC_S3_ENDPOINT_URL": self.endpoint, "FSSPEC_S3_KEY": KEY, "FSSPEC_S3_SECRET": SECRET,
        }  # fmt: skip

    def stop(self) -> None:
        self.server.stop()
