"""Where made customers live: one class a kind of place, which puts rows there and knows the forms' answers that lead to them."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path

import psycopg

from tests.salesforce import Salesforce
from tests.servers import PASSWORD, Web, send_bytes


def customers(count: int = 120, **changes: dict[int, str]) -> list[dict[str, str]]:
    """Made customers; `changes` gives other values by field and number."""
    rows = []
    for number in range(count):
        row = {"customer_id": f"C{number:04d}", "plan": ["Basic", "Plus", "Pro"][number % 3], "monthly": f"{20 + number * 0.35:.2f}",
               "since": f"20{10 + number % 14}-0{1 + number % 9}-1{number % 9}", "note": "" if number % 5 else "said 100% \"yes\", twice",
               "changed_at": f"2026-11-{1 + number % 20:02d} 10:00:00"}  # fmt: skip
        rows.append(row | {name: values[number] for name, values in changes.items() if number in values})
    return rows


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


class Place:
    """One kind of source as a test sees it: put rows there, and the forms' answers that lead to them."""

    secret: dict[str, str] = {}
    changes = False

    def put(self, rows: list[dict[str, str]]) -> None:
        raise NotImplementedError


class PostgresPlace(Place):
    kind, secret, choice, changes = (
        "postgresql",
        {"password": PASSWORD},
        '{"schema": "public", "table": "customers"}',
        True,
    )

    def __init__(self, server) -> None:
        self.server, self.settings = server, server.settings

    def put(self, rows) -> None:
        with psycopg.connect(self.server.owner) as connection:
            connection.execute("DROP TABLE IF EXISTS customers")
            columns = ", ".join(f'"{name}" {self.type_of(name)}' for name in rows[0])
            connection.execute(f"CREATE TABLE customers ({columns})")
            with connection.cursor().copy("COPY customers FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([value or None for value in row.values()])

    @staticmethod
    def type_of(name: str) -> str:
        return {
            "monthly": "numeric(10,2)",
            "since": "date",
            "changed_at": "timestamp",
            "customer_id": "text PRIMARY KEY",
        }.get(name, "text")


class MariaPlace(PostgresPlace):
    kind, choice = "mysql", '{"schema": null, "table": "customers"}'

    def put(self, rows) -> None:
        columns = ", ".join(f"`{name}` {self.type_of(name)}" for name in rows[0])
        self.server.run("USE crm", "DROP TABLE IF EXISTS crm.customers", f"CREATE TABLE crm.customers ({columns})")
        marks = ", ".join(["%s"] * len(rows[0]))
        self.server.run(
            f"INSERT INTO crm.customers VALUES ({marks})",
            rows=[tuple(value or None for value in row.values()) for row in rows],
        )

    @staticmethod
    def type_of(name: str) -> str:
        return {
            "monthly": "decimal(10,2)",
            "since": "date",
            "changed_at": "datetime",
            "customer_id": "varchar(20) PRIMARY KEY",
        }.get(name, "varchar(200)")


class S3Place(Place):
    kind, secret, choice = "s3", {"secret_key": PASSWORD}, '{"pattern": "nightly/customers-1.csv"}'

    def __init__(self, server, folder: Path) -> None:
        self.server, self.settings, self.folder = server, server.settings, folder

    def put(self, rows) -> None:
        (self.folder / "s3.csv").write_bytes(as_csv(rows))
        self.server.put("nightly/customers-1.csv", self.folder / "s3.csv")


class SftpPlace(Place):
    kind, secret, choice = "sftp", {"password": PASSWORD}, '{"pattern": "nightly/customers-1.csv"}'

    def __init__(self, server) -> None:
        self.server, self.settings = server, server.settings

    def put(self, rows) -> None:
        file = self.server.folder / "nightly" / "customers-1.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(as_csv(rows))
        os.utime(file, (time.time(), time.time() + len(as_csv(rows)) % 1000))


class SalesforcePlace(Place):
    kind, choice = "salesforce", '{"table": "Customer", "title": "Customers"}'

    def __init__(self, server: Salesforce) -> None:
        self.server, self.settings, self.secret = server, server.settings, server.secret

    def put(self, rows) -> None:
        """Its own key and time stamp come on top; blank text is null there, and numbers are numbers."""
        records = [
            {"Id": f"001{row['customer_id']:0>12}AAA", **{name: value or None for name, value in row.items()}}
            for row in rows
        ]
        for record in records:
            record["monthly"] = float(record["monthly"])
        self.server.put("Customer", records, monthly="currency")


class WebPlace(Place):
    kind, choice = "url", '{"title": "customers.csv", "url": true}'

    def __init__(self) -> None:
        self.body, self.asked = b"", []
        self.server = Web(self.answer)
        self.settings = {"url": f"{self.server.base}/exports/customers.csv"}

    def put(self, rows) -> None:
        self.body = as_csv(rows)

    def answer(self, handler) -> None:
        tag = f'"{hash(self.body)}"'
        self.asked.append(handler.headers.get("If-None-Match"))
        if handler.headers.get("If-None-Match") == tag:
            return send_bytes(handler, b"", 304)
        return send_bytes(handler, self.body, ETag=tag)
