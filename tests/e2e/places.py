"""Where a customer's table lives, as a whole-way test sees it: put a table there, the form's answers that lead to it, and what came back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import psycopg
import pymysql

from apps.datasets.connectors.s3 import S3 as S3Connector
from tests.salesforce import Salesforce
from tests.servers import PASSWORD, S3, SFTP, MariaDB, OtherPostgres, Web, send_bytes

KEY = "customerID"


class Place:
    """One kind of source with the destination that goes with it. `title` is what both are called on their pages."""

    kind: ClassVar[str]
    title: ClassVar[str]
    destination: ClassVar[str]
    pick: ClassVar[str]  # the label to click among what can be read
    changes: ClassVar[bool] = False
    wrong: ClassVar[tuple[str, str, str]] = ("", "", "")  # a field, a wrong answer for it, and what is said of that
    answers: dict[str, str]  # the connection form's
    back_answers: dict[str, str] = {}  # what the destination's form asks beyond what is known already

    def put(self, table: pd.DataFrame) -> None:
        """Make the place hold this table."""
        raise NotImplementedError

    def came_back(self) -> dict[str, float]:
        """The scores that arrived, by key."""
        raise NotImplementedError

    def target(self, click) -> None:
        """Answer which table the scores go to, where that is asked."""

    def stop(self) -> None:
        """End the server."""


class Postgres(Place):
    kind = "postgresql"
    title, destination, pick, changes = "PostgreSQL", "PostgreSQL", "public.customers", True
    wrong = ("password", "wrong", "refuses the password of reader")
    back_answers = {"user": "writer"}

    def __init__(self, folder: Path) -> None:
        self.server = OtherPostgres(folder / "customer").start_fresh()
        self.answers = {
            "host": "127.0.0.1",
            "port": str(self.server.port),
            "database": "einstein",
            "user": "reader",
            "password": PASSWORD,
            "tls": "prefer",
        }

    def put(self, table: pd.DataFrame) -> None:
        with psycopg.connect(self.server.owner) as connection:
            connection.execute("DROP TABLE IF EXISTS customers")
            columns = ", ".join(f'"{name}" {"timestamp" if name == "changed_at" else "text"}' for name in table.columns)
            connection.execute(f'CREATE TABLE customers ({columns}, PRIMARY KEY ("{KEY}"))')
            with connection.cursor().copy("COPY customers FROM STDIN") as copy:
                for row in table.itertuples(index=False):
                    copy.write_row(row)

    def came_back(self) -> dict[str, float]:
        with psycopg.connect(self.server.admin) as connection:
            return dict(connection.execute("SELECT record_key, score FROM einstein_customer_churn").fetchall())

    def target(self, click) -> None:
        click.page.wait_for_selector("text=Which table?")
        click("button:has-text('Continue')")

    def stop(self) -> None:
        self.server.leave()


class Maria(Postgres):
    kind, title, destination, pick = "mysql", "MySQL or MariaDB", "MySQL or MariaDB", "customers"

    def __init__(self, folder: Path) -> None:
        self.server = MariaDB(folder / "maria").start()
        self.answers = {
            "host": "127.0.0.1",
            "port": str(self.server.port),
            "database": "crm",
            "user": "reader",
            "password": PASSWORD,
            "tls": "none",
        }

    def put(self, table: pd.DataFrame) -> None:
        kinds = {"changed_at": "datetime"}
        columns = ", ".join(f"`{name}` {kinds.get(name, 'varchar(80)')}" for name in table.columns if name != KEY)
        self.server.run(
            "DROP TABLE IF EXISTS crm.customers",
            f"CREATE TABLE crm.customers (`{KEY}` varchar(40) PRIMARY KEY, {columns})",
        )
        names, marks = ", ".join(f"`{name}`" for name in table.columns), ", ".join(["%s"] * table.shape[1])
        self.server.run(
            f"INSERT INTO crm.customers ({names}) VALUES ({marks})", rows=list(table.itertuples(index=False, name=None))
        )

    def came_back(self) -> dict[str, float]:
        with pymysql.connect(**self.server.root, database="crm") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT record_key, score FROM einstein_customer_churn")
            return dict(cursor.fetchall())

    def stop(self) -> None:
        self.server.stop()


class Org(Place):
    """Salesforce: the scores go into a field of the same records."""

    kind, title, destination, pick, changes = "salesforce", "Salesforce", "Salesforce", "Customers", True
    wrong = ("consumer_secret", "wrong", "The consumer secret does not fit the consumer key")

    def __init__(self, folder: Path) -> None:
        self.server = Salesforce()
        self.server.unique.add(KEY)
        self.answers = {**self.server.settings, "consumer_secret": PASSWORD}

    def put(self, table: pd.DataFrame) -> None:
        blank = table.astype(object).where(table != "", None)
        rows = [
            {"Id": f"001{row[KEY].replace('-', ''):0>12}AAA", **row, "Score__c": None}
            for row in blank.drop(columns="changed_at").to_dict("records")
        ]
        self.server.put("Customer", rows, Score__c="double")

    def came_back(self) -> dict[str, float]:
        return {
            row[KEY]: row["Score__c"] for row in self.server.records["Customer"].values() if row["Score__c"] is not None
        }

    def target(self, click) -> None:
        click.page.wait_for_selector("text=Which object?")
        click("label:has-text('Customer')")
        click("button:has-text('Continue')")
        click.page.wait_for_selector("text=What goes into which field?")
        assert click.page.input_value("[name=key]") == KEY, "the field of the key's name is proposed"
        assert click.page.input_value("[name=score]") == "Score__c", "a field of that name is proposed"
        click("button:has-text('Continue')")

    def stop(self) -> None:
        self.server.stop()


class Files(Place):
    """A file that is replaced; the scores come back as a file beside it."""

    def csv(self, table: pd.DataFrame) -> bytes:
        return table.drop(columns="changed_at").to_csv(index=False).encode()

    def scores_of(self, files: Iterator[bytes]) -> dict[str, float]:
        import io

        tables = [pd.read_csv(io.BytesIO(body)) for body in files]
        if not tables:
            return {}
        newest = tables[-1]
        return dict(zip(newest.iloc[:, 0].astype(str), newest["score"], strict=True))


class Bucket(Files):
    kind, title, destination, pick = "s3", "Amazon S3 or compatible", "File in S3", "nightly/customers.csv"
    wrong = ("bucket", "nothing", "There is no bucket nothing there")

    def __init__(self, folder: Path) -> None:
        self.server, self.folder = S3().start(), folder
        self.answers = {name: value for name, value in self.server.settings.items() if value} | self.server.secret
        self.back_answers = {**self.answers, "folder": "scores"}

    def put(self, table: pd.DataFrame) -> None:
        file = self.folder / "bucket.csv"
        file.write_bytes(self.csv(table))
        self.server.put("nightly/customers.csv", file)

    def came_back(self) -> dict[str, float]:
        reader = S3Connector(self.server.settings | {"folder": "scores"}, self.server.secret)
        found = sorted(reader.files(), key=lambda file: file.modified)
        target = self.folder / "back.csv"
        return self.scores_of(target.read_bytes() for file in found if reader.get(file, target) is None)

    def stop(self) -> None:
        self.server.stop()


class Ssh(Files):
    kind, title, destination, pick = "sftp", "SFTP", "File by SFTP", "customers.csv"
    wrong = ("password", "wrong", "refuses")

    def __init__(self, folder: Path) -> None:
        self.server = SFTP(folder / "sftp").start()
        self.answers = {name: str(value) for name, value in self.server.settings.items()} | {"password": PASSWORD}
        self.back_answers = {**self.answers, "folder": "/scores"}
        (self.server.folder / "scores").mkdir(exist_ok=True)

    def put(self, table: pd.DataFrame) -> None:
        file = self.server.folder / "customers.csv"
        file.write_bytes(self.csv(table))
        os.utime(file, (time.time(), time.time() + len(table)))

    def came_back(self) -> dict[str, float]:
        found = sorted((self.server.folder / "scores").glob("*.csv"), key=lambda file: file.stat().st_mtime)
        return self.scores_of(file.read_bytes() for file in found)

    def stop(self) -> None:
        self.server.stop()


class Address(Files):
    """A file behind a link; the scores come back as messages to the same server."""

    kind, title, destination, pick = "url", "A file at a web address", "Webhook", "customers.csv"
    wrong = ("url", "https://127.0.0.1:1/customers.csv", "Nothing answers at 127.0.0.1, port 1")

    def __init__(self, folder: Path) -> None:
        self.body, self.told = b"", {}
        self.server = Web(self._answer)
        self.answers = {"url": f"{self.server.base}/customers.csv"}
        self.back_answers = {"url": f"{self.server.base}/hook"}

    def _answer(self, handler: Any) -> None:
        if handler.command == "GET":
            send_bytes(handler, self.body)
            return
        message = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.told |= {record["key"]: record["score"] for record in message["data"].get("records", [])}
        send_bytes(handler, b"")

    def put(self, table: pd.DataFrame) -> None:
        self.body = self.csv(table)

    def came_back(self) -> dict[str, float]:
        return self.told

    def stop(self) -> None:
        self.server.stop()


PLACES: dict[str, type[Place]] = {place.kind: place for place in (Postgres, Maria, Org, Bucket, Ssh, Address)}
