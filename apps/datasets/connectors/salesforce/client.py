"""The Salesforce REST API: sign in, describe, query page by page or in bulk, and update records in collections.

Sources: REST API Developer Guide (OAuth 2.0 client credentials, sObject Describe, Query, sObject Collections) and Bulk API 2.0
Developer Guide (query jobs).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from apps.datasets.connectors.base import SourceProblem
from einstein.outbound.addresses import OutboundProblem
from einstein.outbound.http import download, fetch, require_encrypted, send

API = "/services/data/v62.0"
A_CALL_SECONDS, JOB_SECONDS = 120, 3600
MOST_IN_A_COLLECTION = 200  # records in one update, the limit of sObject Collections
RESULT_RECORDS = 50_000  # of a bulk query, fetched at a time
# What cannot be asked for as a plain value, or not by the Bulk API.
NOT_READ = {"address", "location", "base64", "complexvalue"}
MEANINGS = {
    "REQUEST_LIMIT_EXCEEDED": "{place} takes no more calls today: the daily limit of API requests is used up.",
    "API_DISABLED_FOR_ORG": "{place} has no API access. It needs an edition of Salesforce with the API enabled.",
    "API_CURRENTLY_DISABLED": "{place} has its API switched off.",
    "INSUFFICIENT_ACCESS": "The user that the app runs as may not do that in {place}. Ask the administrator there for the right.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "The user that the app runs as may not do that in {place}. Ask the administrator there for the right.",
    "QUERY_TIMEOUT": "{place} was not done in time. Try again at a quieter hour.",
    "SERVER_UNAVAILABLE": "{place} is not available right now.",
}  # fmt: skip
SIGN_IN = {
    "invalid_client_id": "The consumer key is unknown in {place}.",
    "invalid_client": "The consumer secret does not fit the consumer key.",
    "invalid_client_credentials": "The consumer secret does not fit the consumer key.",
    "unsupported_grant_type": "{place} does not offer the client credentials flow at this address. Use your own address, such as https://mycompany.my.salesforce.com.",
    "invalid_grant": "The app may not sign in yet. In its policies, enable the client credentials flow and name the user it runs as.",
}  # fmt: skip


@dataclass(frozen=True)
class FieldFacts:
    """One field of an object, as its description says. `length` is in characters, 0 where there is no limit."""

    name: str
    type: str
    length: int
    updateable: bool
    identifies: bool  # names one record: the Id, an external id, a unique or looked-up field


class Client:
    """One signed-in session. The token is fetched when it is first needed and once more when it has ended."""

    def __init__(self, address: str, consumer_key: str, consumer_secret: str) -> None:
        self.address = address.strip().rstrip("/")
        self.credentials = {"client_id": consumer_key, "client_secret": consumer_secret}
        self._token = self._instance = ""

    @property
    def place(self) -> str:
        return urlsplit(self.address).hostname or "Salesforce"

    def objects(self) -> list[dict[str, Any]]:
        """Everything that can be queried and that people see, as the global description lists it."""
        with self._understood():
            found = self.ask("GET", f"{API}/sobjects/")["sobjects"]
            return [
                each
                for each in found
                if isinstance(each["name"], str)
                and each.get("queryable")
                and (each.get("layoutable") or each.get("custom"))
            ]

    def fields(self, name: str) -> list[FieldFacts]:
        """The readable fields of an object."""
        with self._understood():
            described = self.ask("GET", f"{API}/sobjects/{quote(name, safe='')}/describe")["fields"]
            return [_facts_of(each) for each in described if each["type"] not in NOT_READ]

    def count(self, soql: str) -> int:
        """What a `SELECT COUNT()` counts."""
        with self._understood():
            return int(self.ask("GET", f"{API}/query?{urlencode({'q': soql})}")["totalSize"])

    def pages(self, soql: str) -> Iterator[list[dict[str, Any]]]:
        """The records of a query, a page at a time; raises unless as many came as were counted at the start."""
        path, read, expected = f"{API}/query?{urlencode({'q': soql})}", 0, None
        while path:
            with self._understood():
                answer = self.ask("GET", path)
                expected = int(answer["totalSize"]) if expected is None else expected
                records, path = (
                    list(answer["records"]),
                    "" if answer.get("done", True) else str(answer["nextRecordsUrl"]),
                )
            read += len(records)
            if read > expected or not (path or read == expected):
                raise SourceProblem(f"{self.place} counted {expected:,} records but sent {read:,}.")
            yield records

    @contextmanager
    def bulk(self, soql: str, wait: Callable[[], object]) -> Iterator[Bulk]:
        """A finished bulk query, whose results are thrown away at the end. `wait` is called while it runs and may raise to stop."""
        with self._understood():
            job = str(self.ask("POST", f"{API}/jobs/query", {"operation": "query", "query": soql})["id"])
        try:
            yield Bulk(self, job, self._finished(job, wait))
        finally:
            self._throw_away(job)

    def _throw_away(self, job: str) -> None:
        """End a bulk query, running or not. Salesforce does so by itself after a week, so a failure here fails nothing."""
        path = f"{API}/jobs/query/{quote(job, safe='')}"
        with suppress(OutboundProblem):
            status, _ = self.call("DELETE", path)
            if status == 400:  # a job that still runs must be aborted first
                self.call("PATCH", path, {"state": "Aborted"})
                self.call("DELETE", path)

    def _finished(self, job: str, wait: Callable[[], object]) -> int:
        """Wait for a bulk query; return how many records it found."""
        deadline, pause = time.monotonic() + JOB_SECONDS, 0.2
        while True:
            with self._understood():
                found = self.ask("GET", f"{API}/jobs/query/{quote(job, safe='')}")
                state, count = found["state"], int(found.get("numberRecordsProcessed") or 0)
            if state == "JobComplete":
                return count
            if state in {"Failed", "Aborted"}:
                raise SourceProblem(f"{self.place} could not run the query: {found.get('errorMessage') or state}.")
            if time.monotonic() > deadline:
                raise SourceProblem(f"{self.place} was not done within an hour.")
            wait()
            time.sleep(pause)
            pause = min(10.0, pause * 1.5)

    def update(self, name: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Change up to 200 records by their `Id`, each for itself; one answer a record, in order: {success, errors: [{statusCode, message}]}."""
        body = [
            {"attributes": {"type": name}, "id": record["Id"], **{k: v for k, v in record.items() if k != "Id"}}
            for record in records
        ]
        answers = self.ask("PATCH", f"{API}/composite/sobjects", {"allOrNone": False, "records": body})
        with self._understood():
            return [dict(answer) for answer, _ in zip(answers, records, strict=True)]

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """An answer of another form than is documented is the other side's fault, and said so."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceProblem(
                f"{self.place} answers in a form that Salesforce does not. Check the address; it looks like https://mycompany.my.salesforce.com."
            ) from error

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call and return the JSON of the answer; raises with the reason in plain words."""
        status, content = self.call(method, path, body)
        try:
            answer = json.loads(content, parse_float=str) if content else {}
        except ValueError:
            answer = None
        if not 200 <= status < 300:
            raise self._refusal(status, answer)
        if answer is None:
            raise SourceProblem(
                f"{self.place} does not answer like Salesforce. Check the address; it looks like https://mycompany.my.salesforce.com."
            )
        return answer

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        content = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            url, headers = self.signed(path)
            if content is not None:
                headers["Content-Type"] = "application/json"
            status, _, answer = fetch(method, url, headers, content, seconds=A_CALL_SECONDS)
            if status != 401 or last:
                break
            self._token = ""  # it has ended; sign in again, once
        return status, answer

    def signed(self, path: str) -> tuple[str, dict[str, str]]:
        """(address, headers) of a call; a path that leads to another server is refused, for the token would go there."""
        if not self._token:
            self._sign_in()
        url = urljoin(self._instance, path)
        if urlsplit(url)[:2] != urlsplit(self._instance)[:2]:
            raise SourceProblem(f"{self.place} sends us on to another server, {urlsplit(url).hostname}.")
        return url, {"Authorization": f"Bearer {self._token}"}

    def _sign_in(self) -> None:
        require_encrypted(self.address)
        content = urlencode({"grant_type": "client_credentials", **self.credentials}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        status, _, body = fetch("POST", f"{self.address}/services/oauth2/token", headers, content, seconds=30)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        answer = answer if isinstance(answer, dict) else {}
        if status != 200 or "access_token" not in answer or "instance_url" not in answer:
            words = SIGN_IN.get(str(answer.get("error")), "")
            said = str(answer.get("error_description") or answer.get("error") or f"HTTP {status}")[:160]
            raise SourceProblem(
                words.format(place=self.place) if words else f"{self.place} does not let us sign in: {said}."
            )
        self._token, self._instance = str(answer["access_token"]), str(answer["instance_url"]).rstrip("/")
        require_encrypted(self._instance)

    def _refusal(self, status: int, answer: Any) -> SourceProblem:
        first = answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], dict) else {}
        code, said = str(first.get("errorCode") or ""), " ".join(str(first.get("message") or "").split())[:200]
        if code in MEANINGS:
            return SourceProblem(MEANINGS[code].format(place=self.place))
        return SourceProblem(f"{self.place} refused: {said or f'HTTP {status}'}.")


def _facts_of(described: dict[str, Any]) -> FieldFacts:
    name, kind = str(described["name"]), str(described["type"])
    identifies = bool(
        described.get("externalId") or described.get("idLookup") or described.get("unique") or kind == "id"
    )
    return FieldFacts(
        name, kind, int(described.get("length") or 0), bool(described.get("updateable")), identifies
    )  # fmt: skip


@dataclass(frozen=True)
class Bulk:
    """A finished bulk query of `records` records."""

    client: Client
    job: str
    records: int

    def results(self, folder: Path) -> Iterator[Path]:
        """The result as CSV files, one after the other in the same place, each with a header."""
        locator, target, seen = "", folder / "result.csv", set[str]()
        while locator not in seen:
            seen.add(locator)
            query = {"maxRecords": str(RESULT_RECORDS), **({"locator": locator} if locator else {})}
            url, headers = self.client.signed(f"{API}/jobs/query/{quote(self.job, safe='')}/results?{urlencode(query)}")
            with send("GET", url, headers | {"Accept": "text/csv"}, seconds=JOB_SECONDS) as answer:
                if answer.status != 200:
                    raise SourceProblem(f"{self.client.place} did not send the result (HTTP {answer.status}).")
                download(answer, target)
                locator = answer.headers.get("sforce-locator", "")
            yield target
            if locator in {"", "null"}:
                return
        raise SourceProblem(f"{self.client.place} sends the same part of the result again and again.")
