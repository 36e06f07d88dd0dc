"""Unsafe ways to set up mail are refused at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register


@register()
def mail_goes_somewhere(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Without SMTP, mails (they hold reset links) are readable in the app: only while we listen on loopback."""
    if settings.SMTP_URL or settings.ON_LOOPBACK:
        return []
    return [
        Error(
            f"No SMTP server is set, and the server listens on {settings.LISTEN_HOST}.",
            hint="Set EINSTEIN_SMTP_URL (smtp://user:password@host:587), or listen on 127.0.0.1.",
            id="einstein.E001",
        )
    ]
