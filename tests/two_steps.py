"""A person's phone, in tests: an authenticator app of other make than ours."""

from __future__ import annotations

import re
import time

import pyotp

PASSWORD = "a long enough password"
SET_UP, TURN_OFF = "/accounts/2fa/totp/activate/", "/accounts/2fa/totp/deactivate/"
CODES, NEW_CODES = "/accounts/2fa/recovery-codes/", "/accounts/2fa/recovery-codes/generate/"
CHALLENGE = "/accounts/2fa/authenticate/"


def code_of(secret: str) -> str:
    """The code the app shows now, with a second left to send it."""
    if time.time() % 30 > 29:
        time.sleep(1.1)
    return pyotp.TOTP(secret).now()


def wrong_code(secret: str) -> str:
    return f"{(int(code_of(secret)) + 1) % 1_000_000:06}"


def say_it_is_me(client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def secret_on(page: str) -> str:
    return re.search(r'<code class="secret">(\w+)</code>', page)[1]


def set_up(client) -> str:
    """Set two-step log-in up through the pages; the secret the app keeps."""
    say_it_is_me(client)
    secret = secret_on(client.get(SET_UP).content.decode())
    answer = client.post(SET_UP, {"code": code_of(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return secret


def type_password(client, person) -> str:
    """The first step; where it leads."""
    return client.post("/accounts/login/", {"login": person.email, "password": PASSWORD}).url


def recovery_codes(client) -> list[str]:
    say_it_is_me(client)
    return re.findall(r"<li>(\d{8})</li>", client.get(CODES).content.decode())
