"""What a channel is: its settings, a test that says the real reason, and sending one thing so that it is known to have arrived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from apps.datasets.connectors.base import Setting
from apps.deliveries.models import Delivery
from apps.deliveries.which import Which
from apps.outbox.models import Attempt, Sending
from apps.predictions.models import Prediction
from apps.runs.lease import Work
from apps.scoring.models import ScoringRun
from apps.workspaces.models import Workspace
from einstein.outbound.addresses import OutboundProblem

__all__ = ["Channel", "Held", "Parcel", "Receipt", "Setting", "Undeliverable"]


class Undeliverable(OutboundProblem):
    """It will never arrive as it is, so it is not tried again. With `stop` the delivery is paused as well."""

    def __init__(self, words: str, *, stop: bool = False) -> None:
        super().__init__(words)
        self.stop = stop


class Held(Exception):
    """Something looks wrong enough to ask a person first; the message says what, `outcome` shows it."""

    def __init__(self, words: str, outcome: dict[str, Any]) -> None:
        super().__init__(words)
        self.outcome = outcome


@dataclass
class Parcel:
    """One sending in a worker's hands, with what it is about."""

    work: Work
    delivery: Delivery
    sending: Sending
    attempt: Attempt
    prediction: Prediction
    workspace: Workspace
    run: ScoringRun | None
    base: ScoringRun | None

    @property
    def which(self) -> Which:
        return Which.from_json(self.delivery.which)


@dataclass
class Receipt:
    """What the destination acknowledged: of `expected` records `acknowledged`; `keep` is called in the transaction that notes it."""

    expected: int
    acknowledged: int
    words: str
    outcome: dict[str, Any] = field(default_factory=dict)
    keep: Callable[[], None] = lambda: None


class Channel(ABC):
    """A kind of destination. `settings` may be shown, `secret` may not."""

    kind: ClassVar[str]
    title: ClassVar[str]
    words: ClassVar[str]
    icon: ClassVar[str]
    order: ClassVar[int]
    supersedes: ClassVar[bool] = False  # a newer sending says all that an older one would have said
    writes_tables: ClassVar[bool] = False  # asks for a table and its columns
    leads_to: ClassVar[Sequence[str]] = ()  # the settings that make it another destination when they change
    schedule: ClassVar[str] = "run"  # proposed
    do_not_call_in_templates = True  # pages show the class's words; Django would make an instance

    def __init__(self, settings: dict[str, Any], secret: dict[str, Any]) -> None:
        self.settings, self.secret = settings, secret

    @classmethod
    @abstractmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        """The questions of the form."""

    @classmethod
    def generated(cls) -> dict[str, Any]:
        """Secrets that we make ourselves; shown once."""
        return {}

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it leads, without secrets: "crm on db.example.com"."""

    @abstractmethod
    def test(self, prediction: Prediction) -> str:
        """Try the destination; a sentence of what was found. Raises `OutboundProblem` with the real reason in plain words."""

    @abstractmethod
    def send(self, parcel: Parcel) -> Receipt:
        """Deliver. Safe to be called again for the same sending. Raises `OutboundProblem` to be tried again, `Undeliverable`, `Held`."""

    @classmethod
    def replaces(cls, settings: dict[str, Any]) -> bool:
        """Whether what is sent takes the place of what was sent before."""
        return cls.supersedes

    def learn(self) -> dict[str, Any]:
        """Settings that the first successful test fixes, such as a server's fingerprint."""
        return {}

    def events(self) -> Sequence[str]:
        """What a scoring run sets off here."""
        return ("scores",)
