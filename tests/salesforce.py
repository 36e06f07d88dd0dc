"""A Salesforce of the customer's: an HTTP server that speaks the documented REST, Bulk API 2.0 query jobs and sObject Collections.

It holds objects in memory and knows as much SOQL as the product uses. `troubles` makes it refuse, and `asked` notes every call.
"""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import PASSWORD, Web

API = "/services/data/v62.0"
PAGE, CHUNK = 500, 4000
QUERY = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<object>\w+)(?: WHERE (?P<where>.+?))?(?: ORDER BY (?P<order>\w+) DESC NULLS LAST)?(?: LIMIT (?P<limit>\d+))?$", re.S
)  # fmt: skip
SINCE = re.compile(r"(\w+) >= (\S+)$")
AMONG = re.compile(r"(\w+) IN \((.*)\)$", re.S)
STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")
TYPES = {"Id": "id", "SystemModstamp": "datetime", "CreatedDate": "datetime", "OwnerId": "reference"}


class Problem(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Salesforce:
    """`records` by object and Id; `types` and `lengths` by object and field; `read_only` fields cannot be written."""

    settings: dict[str, Any]
    secret = {"consumer_secret": PASSWORD}

    def __init__(self, port: int = 0) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.types: dict[str, dict[str, str]] = {}
        self.lengths: dict[str, dict[str, int]] = {}
        self.unique: set[str] = set()  # fields of which each record has its own value
        self.tokens: set[str] = set()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.troubles: list[tuple[str, int, str, str]] = []  # (part of a path, status, code, message), each once
        self.refusals: dict[str, list[tuple[str, str]]] = {}  # by Id: (statusCode, message), each once
        self.web = Web(self._answer, port)
        self.settings = {"address": self.web.base, "consumer_key": "3MVG9"}

    def put(self, name: str, rows: list[dict[str, Any]], **types: str) -> None:
        """Make an object hold these rows, which must have an Id; a row that is there already and is the same keeps its time stamp."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        held = self.records.get(name, {})
        fresh = {}
        for row in rows:
            known = held.get(row["Id"], {})
            same = {key: value for key, value in known.items() if key != "SystemModstamp"} == row
            fresh[row["Id"]] = {**row, "SystemModstamp": known["SystemModstamp"] if same else now}
        self.records[name] = fresh
        names = dict.fromkeys(field for row in rows for field in row)
        self.types[name] = {field: types.get(field, TYPES.get(field, "string")) for field in [*names, "SystemModstamp"]}

    def stop(self) -> None:
        self.web.stop()

    def _answer(self, handler: Any) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = urlsplit(handler.path).path
        self.asked.append(f"{handler.command} {path}")
        try:
            for trouble in self.troubles:
                if trouble[0] in path:
                    self.troubles.remove(trouble)
                    raise Problem(*trouble[1:])
            if path == "/services/oauth2/token":
                _send(handler, *self._token(parse_qs(body.decode())))
                return
            if handler.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise Problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
            query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
            self._route(handler, path.removeprefix(API), query, json.loads(body) if body else None)
        except Problem as problem:
            _send(handler, problem.status, [{"errorCode": problem.code, "message": str(problem)}])

    def _token(self, form: dict[str, list[str]]) -> tuple[int, dict[str, str]]:
        if form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
        if form.get("client_id") != [self.settings["consumer_key"]]:
            return 400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}
        if form.get("client_secret") != [PASSWORD]:
            return 400, {"error": "invalid_client", "error_description": "invalid client credentials"}
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return 200, {"access_token": token, "instance_url": self.web.base, "token_type": "Bearer", "issued_at": "0"}

    def _route(self, handler: Any, path: str, query: dict[str, str], body: Any) -> None:
        if path == "/sobjects/":
            _send(handler, 200, {"sobjects": [self._object(name) for name in self.records]})
        elif found := re.fullmatch(r"/sobjects/(\w+)/describe", path):
            _send(handler, 200, {"name": found[1], "fields": self._fields(found[1])})
        elif path == "/query":
            self._first_page(handler, query["q"])
        elif found := re.fullmatch(r"/query/(\w+)-(\d+)", path):
            self._page(handler, found[1], int(found[2]))
        elif path == "/jobs/query" and handler.command == "POST":
            job = secrets.token_hex(8)
            self.jobs[job] = {"soql": body["query"], "looks": 0}
            _send(handler, 200, {"id": job, "state": "UploadComplete", "operation": "query"})
        elif found := re.fullmatch(r"/jobs/query/(\w+)(/results)?", path):
            self._job(handler, found[1], bool(found[2]), query)
        elif path == "/composite/sobjects" and handler.command == "PATCH":
            _send(handler, 200, [self._updated(record) for record in body["records"]])
        else:
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")

    def _object(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "label": name,
            "labelPlural": f"{name}s",
            "queryable": True,
            "layoutable": True,
            "custom": False,
            "updateable": True,
        }

    def _fields(self, name: str) -> list[dict[str, Any]]:
        if name not in self.records:
            raise Problem(404, "NOT_FOUND", f"The requested resource does not exist: {name}")
        return [
            {"name": field, "label": field, "type": kind, "length": self.lengths.get(name, {}).get(field, 0), "updateable": field not in TYPES,
             "externalId": field.endswith("Number__c"), "idLookup": field == "Id", "unique": field in self.unique}
            for field, kind in self.types[name].items()
        ]  # fmt: skip

    def _found(self, soql: str) -> tuple[list[str], list[dict[str, Any]]]:
        parts = QUERY.fullmatch(soql)
        if parts is None or parts["object"] not in self.records:
            raise Problem(400, "INVALID_TYPE", f"sObject type is not supported in {soql[:80]}")
        names = [name.strip() for name in parts["fields"].split(",")]
        known = {*self.types[parts["object"]], "COUNT()", "Owner.Name", "Owner.Email"}
        if unknown := [name for name in names if name not in known]:
            raise Problem(400, "INVALID_FIELD", f"No such column '{unknown[0]}' on entity '{parts['object']}'")
        rows = [row for row in self.records[parts["object"]].values() if _matches(row, parts["where"])]
        if parts["order"]:
            rows.sort(key=lambda row: row[parts["order"]] or "", reverse=True)
        return names, rows[: int(parts["limit"])] if parts["limit"] else rows

    def _first_page(self, handler: Any, soql: str) -> None:
        names, rows = self._found(soql)
        if names == ["COUNT()"]:
            _send(handler, 200, {"totalSize": len(rows), "done": True, "records": []})
            return
        number = secrets.token_hex(6)
        kind = QUERY.fullmatch(soql)["object"]
        self.jobs[number] = {"records": [{"attributes": {"type": kind}, **_picked(row, names)} for row in rows]}
        self._page(handler, number, 0)

    def _page(self, handler: Any, number: str, start: int) -> None:
        records = self.jobs[number]["records"]
        part, rest = records[start : start + PAGE], records[start + PAGE :]
        answer: dict[str, Any] = {"totalSize": len(records), "done": not rest, "records": part}
        if rest:
            answer["nextRecordsUrl"] = f"{API}/query/{number}-{start + PAGE}"
        _send(handler, 200, answer)

    def _job(self, handler: Any, number: str, results: bool, query: dict[str, str]) -> None:
        job = self.jobs.get(number)
        if job is None:
            raise Problem(404, "NOT_FOUND", "no such job")
        if handler.command == "DELETE":
            del self.jobs[number]
            _send(handler, 204, None)
        elif results:
            names, rows = self._found(job["soql"])
            start = int(query.get("locator", "0"))
            rest = start + CHUNK < len(rows)
            _send_csv(handler, names, rows[start : start + CHUNK], str(start + CHUNK) if rest else "null")
        else:
            job["looks"] += 1
            done = job["looks"] > 1
            count = len(self._found(job["soql"])[1]) if done else 0
            _send(
                handler,
                200,
                {"id": number, "state": "JobComplete" if done else "InProgress", "numberRecordsProcessed": count},
            )

    def _updated(self, record: dict[str, Any]) -> dict[str, Any]:
        name, number = record["attributes"]["type"], record["id"]
        held = self.records[name].get(number)
        if held is None:
            return _failed("ENTITY_IS_DELETED", "entity is deleted")
        if self.refusals.get(number):
            return _failed(*self.refusals[number].pop(0))
        values = {key: value for key, value in record.items() if key not in {"attributes", "id"}}
        for field, value in values.items():
            limit = self.lengths.get(name, {}).get(field, 0)
            if limit and isinstance(value, str) and len(value) > limit:
                return _failed("STRING_TOO_LONG", f"{field}: data value too large")
            if self.types[name][field] in {"double", "percent"} and not isinstance(value, int | float | None):
                return _failed("JSON_PARSER_ERROR", f"{field}: value not of required type: {value}")
        held.update(values)
        return {"id": number, "success": True, "errors": []}


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def _matches(row: dict[str, Any], where: str | None) -> bool:
    if not where:
        return True
    if found := SINCE.fullmatch(where):
        return datetime.fromisoformat(row[found[1]]) >= datetime.fromisoformat(found[2])
    found = AMONG.fullmatch(where)
    wanted = {re.sub(r"\\(.)", r"\1", text).lower() for text in STRING.findall(found[2])}
    return str(row[found[1]]).lower() in wanted


def _picked(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Fields of a record as JSON has them: those of its owner lie within."""
    picked: dict[str, Any] = {}
    for name in names:
        first, _, inner = name.partition(".")
        if inner:
            picked.setdefault(first, {"attributes": {"type": "User"}})[inner] = row.get(
                name, f"{inner} of {row.get('OwnerId')}"
            )
        else:
            picked[name] = row.get(name)
    return picked


def _send(handler: Any, status: int, answer: Any) -> None:
    content = b"" if answer is None else json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _send_csv(handler: Any, names: list[str], rows: list[dict[str, Any]], locator: str) -> None:
    """A bulk result, with its own ways of writing numbers and times."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        picked = _picked(row, names)
        writer.writerow(
            [_as_in_csv(picked[n.partition(".")[0]][n.partition(".")[2]] if "." in n else picked[n]) for n in names]
        )
    content = out.getvalue().encode()
    handler.send_response(200)
    for name, value in {
        "Content-Type": "text/csv",
        "Content-Length": str(len(content)),
        "Sforce-Locator": locator,
        "Sforce-NumberOfRecords": str(len(rows)),
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def _as_in_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10E}"
    return str(value).replace(".000+0000", ".000Z")
