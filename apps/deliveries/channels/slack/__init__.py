"""Messages to a chat room by an incoming webhook, as Slack, Mattermost, Rocket.Chat and Discord (with /slack) take them: {"text": ...}.

The address itself is the permission, so it is sealed like a password.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.deliveries.channels.base import Parcel, Setting
from apps.deliveries.channels.webhook import Webhook
from apps.deliveries.selection import records_meant
from apps.predictions.models import Prediction
from einstein.outbound.http import require_web_address

EVENTS = (("alert.opened", "An alert was opened"), ("scores.changed", "Scores: the records the rule names"))
MOST_NAMED = 10  # records in one message
MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # what the room would take for links and mentions


class Slack(Webhook):
    kind, title, icon, order = "slack", "Slack", "message-square", 25
    words = "Short messages in a Slack room, or in any chat that takes them the same way"

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        return (
            Setting(
                "url",
                "Incoming webhook",
                "From the room’s integrations, such as https://hooks.slack.com/services/...",
                kind="password",
                secret=True,
            ),
            Setting("events", "Messages about", kind="many", choices=EVENTS, default="alert.opened"),
        )

    @classmethod
    def generated(cls) -> dict[str, Any]:
        return {}

    @property
    def address(self) -> str:
        return str(self.secret.get("url", ""))

    @property
    def place(self) -> str:
        return urlsplit(self.address).hostname or "a chat room"

    def headers(self, message_id: str, content: bytes) -> dict[str, str]:
        return {}

    def test(self, prediction: Prediction) -> str:
        """Post one line into the room and say what came back."""
        require_web_address(self.address)
        status = self._post("", {"text": f"Einstein can write here about {_plain(prediction.name)}."})
        return f"It works: {self.place} answered {status}."

    def records_in(self, body: dict[str, Any]) -> int:
        return 0  # a room reads a message; it takes no records

    def _bodies(self, parcel: Parcel) -> list[dict[str, Any]]:
        """One message with what happened and where to look; none when no record fits the rule."""
        if parcel.sending.event == "alert.opened":
            alert = parcel.sending.facts["alert"]
            link = f"{settings.PUBLIC_URL}/w/{parcel.workspace.slug}/alerts/{alert['incident']}/"
            return [{"text": f"*{_plain(alert['title'])}*\n{_plain(alert['what'])}\n<{link}|See what to do>"}]
        if parcel.run is None:
            return []
        rows = records_meant(parcel.run, parcel.base, parcel.which, ("key", "band"))
        if not rows:
            return []
        link = f"{settings.PUBLIC_URL}/w/{parcel.workspace.slug}/predictions/{parcel.prediction.id}/scores/"
        named = "\n".join(f"• {_plain(str(row['key']))}: {row['band']}" for row in rows[:MOST_NAMED])
        more = f"\nand {len(rows) - MOST_NAMED:,} more" if len(rows) > MOST_NAMED else ""
        return [
            {
                "text": f"*{_plain(parcel.prediction.name)}*: {len(rows):,} to look at\n{named}{more}\n<{link}|See the scores>"
            }
        ]


def _plain(text: str) -> str:
    """Text of the customer's that cannot mention the whole room or pose as a link."""
    return "".join(MARKS.get(character, character) for character in text)


CHANNEL = Slack
