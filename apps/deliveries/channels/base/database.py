"""A customer's SQL database as a destination: reached like a source of the same kind, written to in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from apps.datasets.connectors.base.sql import SqlConnector
from apps.deliveries.channels.base import Setting
from apps.deliveries.channels.base.table import TableChannel
from apps.predictions.models import Prediction


class DatabaseChannel(TableChannel):
    """A database and a user that may write to it."""

    leads_to = ("host", "port", "database")
    connector: ClassVar[type[SqlConnector]]

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        return cls.connector.settings_asked

    @property
    def place(self) -> str:
        return self.source.place

    @property
    def source(self) -> SqlConnector:
        return self.connector(self.settings, self.secret)

    def test(self, prediction: Prediction) -> str:
        return self.source.test()

    def tables(self) -> list[tuple[str, str]]:
        found = [choice for choice in self.source.choices() if choice.detail == "table"]
        return [(choice.pick["schema"] or "", choice.pick["table"]) for choice in found]

    def columns_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        return self.source.columns_of(schema, table)
