"""Amazon S3 and everything that speaks it. botocore signs the requests; our own outbound client sends them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from apps.datasets.connectors.base import Setting, SourceProblem
from apps.datasets.connectors.base.files import MOST_FILES, FileConnector, RemoteFile
from einstein.outbound.http import Answer, download, fetch, require_web_address, send

REGION = re.compile(r"[a-z0-9-]{1,40}")
MEANINGS = {
    "NoSuchBucket": "There is no bucket {bucket} there.", "InvalidAccessKeyId": "The access key is unknown there.",
    "SignatureDoesNotMatch": "The secret key does not fit the access key.", "AccessDenied": "The access key may not do that with the bucket {bucket}.",
    "NoSuchKey": "The file is not there any more.", "AuthorizationHeaderMalformed": "The region is another one; look it up where the bucket was made.",
    "PermanentRedirect": "The bucket is in another region; look it up where the bucket was made.",
}  # fmt: skip


class S3(FileConnector):
    kind, title, icon, order = "s3", "Amazon S3 or compatible", "cloud", 40
    words = "The newest file, or every new one, of a bucket"
    settings_asked = (
        Setting("bucket", "Bucket"),
        Setting("folder", "Folder", "Leave blank for the whole bucket", required=False),
        Setting("region", "Region", default="eu-central-1"),
        Setting(
            "endpoint",
            "Address",
            "Only for other providers, such as https://s3.example.com",
            required=False,
            address=True,
        ),
        Setting("access_key", "Access key"),
        Setting("secret_key", "Secret key", secret=True, kind="password"),
    )

    @property
    def place(self) -> str:
        return f"the bucket {self.settings.get('bucket', '')}"

    def files(self) -> list[RemoteFile]:
        prefix = str(self.settings.get("folder") or "").strip("/")
        found: list[RemoteFile] = []
        token = ""
        while len(found) < MOST_FILES:
            query = {
                "list-type": "2",
                **({"prefix": f"{prefix}/"} if prefix else {}),
                **({"continuation-token": token} if token else {}),
            }
            tree = self._asked(query)
            found += [_file(entry) for entry in tree.iter() if _tag(entry) == "Contents"]
            token = next((entry.text or "" for entry in tree if _tag(entry) == "NextContinuationToken"), "")
            if not token:
                break
        return [file for file in found if file.size]

    def get(self, file: RemoteFile, target: Path) -> None:
        url = f"{self._base()}/{quote(file.name)}"
        with send("GET", url, self._signed("GET", url)) as answer:
            if answer.status != 200:
                raise SourceProblem(self._meaning(answer))
            download(answer, target)

    def put(self, path: Path, name: str) -> None:
        """Store a local file; used by exports."""
        url = f"{self._base()}/{quote(name)}"
        body = path.read_bytes()
        status, _, answer = fetch("PUT", url, self._signed("PUT", url, body), body, seconds=600)
        if status != 200:
            raise SourceProblem(_meaning_of(answer, status, self.settings["bucket"]))

    def _base(self) -> str:
        region, bucket = self.settings.get("region") or "us-east-1", self.settings["bucket"]
        if not REGION.fullmatch(region):
            raise SourceProblem(f"{region[:40]} is no region. It looks like eu-central-1.")
        if self.settings.get("endpoint"):
            require_web_address(str(self.settings["endpoint"]))
            return f"{str(self.settings['endpoint']).rstrip('/')}/{quote(bucket)}"
        return f"https://s3.{region}.amazonaws.com/{quote(bucket)}"

    def _asked(self, query: dict[str, str]) -> ElementTree.Element:
        url = f"{self._base()}?{urlencode(sorted(query.items()), quote_via=quote)}"
        with send("GET", url, self._signed("GET", url), seconds=60) as answer:
            if answer.status != 200:
                raise SourceProblem(self._meaning(answer))
            try:
                return ElementTree.fromstring(answer.body())  # expat 2.4.1 and later limits entity expansion  # noqa: S314  # nosec B314
            except ElementTree.ParseError as error:
                raise SourceProblem(f"{urlsplit(url).hostname} does not answer like S3. Check the address.") from error

    def _signed(self, method: str, url: str, body: bytes = b"") -> dict[str, str]:
        request = AWSRequest(method=method, url=url, data=body)
        keys = Credentials(self.settings["access_key"], self.secret.get("secret_key") or "-")
        if not str(self.settings["access_key"]).isascii():
            raise SourceProblem("The access key holds a character that no key has. Copy it again.")
        S3SigV4Auth(keys, "s3", self.settings.get("region") or "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def _meaning(self, answer: Answer) -> str:
        return _meaning_of(answer.body(1024**2), answer.status, self.settings["bucket"])


def _meaning_of(body: bytes, status: int, bucket: str) -> str:
    try:
        codes = [entry.text or "" for entry in ElementTree.fromstring(body).iter() if _tag(entry) == "Code"]  # as above  # noqa: S314  # nosec B314
    except ElementTree.ParseError:
        codes = []
    code = codes[0] if codes else ""
    return MEANINGS.get(code, f"The bucket {{bucket}} cannot be read ({code or f'HTTP {status}'}).").format(
        bucket=bucket
    )


def _file(entry: ElementTree.Element) -> RemoteFile:
    facts = {_tag(child): child.text or "" for child in entry}
    modified = datetime.fromisoformat(facts["LastModified"].replace("Z", "+00:00")).timestamp()
    return RemoteFile(facts["Key"], int(facts["Size"]), modified, facts.get("ETag") or facts["LastModified"])


def _tag(entry: ElementTree.Element) -> str:
    return entry.tag.rpartition("}")[2]


CONNECTOR = S3
