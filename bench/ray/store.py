"""The file store that product and cluster share: an S3-compatible server, reached through s3fs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

S3FS = "s3fs==2026.9.0"  # in a folder of its own: it wants an older botocore than ours


class ObjectStore:
    def __init__(self, packages: Path) -> None:
        from tests.servers import S3

        self.packages = packages
        if not (packages / "s3fs").exists():
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--target",
                str(packages),
                S3FS,
            ]
            subprocess.run(command, check=True)
        self.server = S3().start()

    @property
    def env(self) -> dict[str, str]:
        settings = self.server.settings
        return {
            "EINSTEIN_STORAGE_URL": f"s3://{settings['bucket']}/einstein", "AWS_ENDPOINT_URL": settings["endpoint"], "AWS_ACCESS_KEY_ID": settings["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.server.secret["secret_key"], "AWS_DEFAULT_REGION": settings["region"], "PYTHONPATH": str(self.packages),
        }  # fmt: skip

    def stop(self) -> None:
        self.server.stop()
