"""What an installation behind https answers with, as Mozilla's Observatory and Django's deployment check would judge it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, VAR

PRODUCTION = {
    "EINSTEIN_PUBLIC_URL": "https://einstein.example", "EINSTEIN_ALLOWED_HOSTS": "einstein.example", "EINSTEIN_BEHIND_PROXY": "true",
    "EINSTEIN_NO_LOGIN_LIMITS": "0", "EINSTEIN_LOG_LEVEL": "INFO", "EINSTEIN_VAR": str(VAR),
    "EINSTEIN_STATIC_BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage",
}  # fmt: skip
ASK = """
import json, django
django.setup()
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client
client = Client(SERVER_NAME="einstein.example", HTTP_X_FORWARDED_PROTO="https")
paths = {"log-in": "/accounts/login/", "sign-up": "/accounts/signup/", "not there": "/nothing/", "style sheet": staticfiles_storage.url("css/base.css"), "REST": "/api/v1/predictions/"}
found = {}
for name, path in paths.items():
    answer = client.get(path)
    found[name] = {"status": answer.status_code, "headers": dict(answer.headers), "cookies": [str(cookie.OutputString()) for cookie in answer.cookies.values()]}
found["plain http"] = {"status": (plain := Client(SERVER_NAME="einstein.example").get("/accounts/login/")).status_code, "headers": dict(plain.headers), "cookies": []}
print(json.dumps(found))
"""


def run(*command: str) -> str:
    env = os.environ | PRODUCTION | {"DJANGO_SETTINGS_MODULE": "einstein.settings"}
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # browser tests of this process need it
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def answers(django_db_setup) -> dict:
    run("manage.py", "collectstatic", "--no-input", "--verbosity", "0")
    return json.loads(run("-c", ASK).splitlines()[-1])


def test_djangos_deployment_check_finds_nothing(django_db_setup):
    assert "no issues (0 silenced)" in run("manage.py", "check", "--deploy")


@pytest.mark.parametrize("page", ["log-in", "sign-up", "not there", "style sheet", "REST"])
def test_every_answer_has_the_headers_that_keep_a_browser_safe(answers, page):
    headers = answers[page]["headers"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert not [
        word for word in ("unsafe-inline", "unsafe-eval", "http:", "*") if word in headers["Content-Security-Policy"]
    ]
    assert policy["default-src"] in {"'self'", "'none'"}
    assert (policy["frame-ancestors"], policy["base-uri"], policy["object-src"]) == ("'none'", "'none'", "'none'")
    assert "form-action" in policy
    assert int(headers["Strict-Transport-Security"].split("max-age=")[1].split(";")[0]) >= 15_768_000
    assert "includeSubDomains" in headers["Strict-Transport-Security"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in {"same-origin", "no-referrer", "strict-origin-when-cross-origin"}
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By"} & set(headers)
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("page", ["log-in", "sign-up"])
def test_cookies_are_for_https_only_and_not_sent_from_other_sites(answers, page):
    cookies = answers[page]["cookies"]
    assert cookies
    for cookie in cookies:
        assert "Secure" in cookie
        assert "SameSite=Lax" in cookie or "SameSite=Strict" in cookie
        assert "HttpOnly" in cookie


def test_plain_http_leads_to_https(answers):
    assert answers["plain http"]["status"] == 301
    assert answers["plain http"]["headers"]["Location"].startswith("https://einstein.example/")


@pytest.mark.parametrize(("behind", "trusted"), [("true", "1"), ("false", "0")])
def test_a_forwarded_address_is_believed_only_behind_our_proxy(behind, trusted):
    ask = f"import os; os.environ['EINSTEIN_BEHIND_PROXY'] = '{behind}'; from django.conf import settings; print(settings.ALLAUTH_TRUSTED_PROXY_COUNT)"
    assert run("-c", ask).split()[-1] == trusted
