"""The mail server refuses, or does not answer: e-mails that were tried have waited for more than an hour."""

from django.db import connection

from apps.monitoring.faults import Fault
from einstein.web.templatetags.words import plural

HELD_SECONDS = 3600


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT mails, seconds FROM mail_held_up(%s)", [HELD_SECONDS])
        mails, seconds = cursor.fetchone()
    if not mails:
        return ""
    have = "has" if mails == 1 else "have"
    return f"{mails:,} {plural('e-mail', mails)} {have} been tried and not taken, the oldest for {seconds / 3600:.0f} hours."


FAULT = Fault(
    kind="mail_stuck",
    title="The mail server takes no mail",
    advice="This mail may wait too: look at the console. Try EINSTEIN_SMTP_URL by hand, and mend its address, password or server.",
    order=7,
    see=see,
    holds=300,
    calm=600,
)
