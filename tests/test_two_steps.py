"""Two-step log-in: set up, used, turned off; codes that are wrong, used up or guessed too often."""

from __future__ import annotations

import json
import re

import pyotp
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from apps.outbox.models import AccountMessage
from apps.workspaces.models import AuditEntry
from apps.workspaces.scope import workspace_scope
from apps.workspaces.two_steps import has_two_steps
from tests.two_steps import (
    CHALLENGE,
    CODES,
    NEW_CODES,
    SET_UP,
    TURN_OFF,
    code_of,
    recovery_codes,
    say_it_is_me,
    secret_on,
    set_up,
    type_password,
    wrong_code,
)


@pytest.fixture(autouse=True)
def _no_codes_used_yet(db):
    cache.clear()


@pytest.fixture
def secret(client, owner, workspace) -> str:
    client.force_login(owner)
    return set_up(client)


def trail(workspace) -> list[str]:
    with workspace_scope(workspace.id):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def is_inside(client, workspace) -> bool:
    return client.get(f"/w/{workspace.slug}/").status_code == 200


def test_with_it_the_password_alone_opens_nothing(secret, owner, workspace):
    her = Client()
    assert type_password(her, owner) == CHALLENGE
    assert not is_inside(her, workspace)
    assert her.post(CHALLENGE, {"code": code_of(secret)}).status_code == 302
    assert is_inside(her, workspace)


def test_a_wrong_code_opens_nothing_and_says_so(secret, owner, workspace):
    her = Client()
    type_password(her, owner)
    assert "This code does not fit" in her.post(CHALLENGE, {"code": wrong_code(secret)}).content.decode()
    assert not is_inside(her, workspace)


@pytest.mark.parametrize("code", ["", " ", "abc", "1" * 500, "٣٣٣٣٣٣"])
def test_what_is_no_code_is_refused_in_words(secret, owner, code):
    her = Client()
    type_password(her, owner)
    answer = her.post(CHALLENGE, {"code": code})
    assert answer.status_code == 200
    assert "field-error" in answer.content.decode()


def test_a_code_works_once(secret, owner, workspace):
    first, second = Client(), Client()
    for client in (first, second):
        type_password(client, owner)
        client.post(CHALLENGE, {"code": code_of(secret)})
    assert (is_inside(first, workspace), is_inside(second, workspace)) == (True, False)


def test_a_recovery_code_opens_once_and_its_person_is_told(client, secret, owner, workspace):
    code = recovery_codes(client)[3]
    first, second = Client(), Client()
    for her in (first, second):
        type_password(her, owner)
        her.post(CHALLENGE, {"code": code})
    assert (is_inside(first, workspace), is_inside(second, workspace)) == (True, False)
    assert "recovery code used" in trail(workspace)
    assert AccountMessage.objects.filter(to=owner.email, subject__contains="recovery code used").exists()


def test_codes_cannot_be_guessed_for_long(secret, owner, workspace, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip,5/5m/key"}
    her = Client()
    type_password(her, owner)
    for _ in range(5):
        her.post(CHALLENGE, {"code": wrong_code(secret)})
    assert "Too many tries" in her.post(CHALLENGE, {"code": code_of(secret)}).content.decode()
    assert not is_inside(her, workspace)


def test_the_second_step_cannot_be_opened_without_the_first(client, db):
    assert client.get(CHALLENGE).url == "/accounts/login/"


def test_setting_it_up_asks_for_the_password_once_more(client, owner):
    client.force_login(owner)
    assert client.get(SET_UP).url.startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert client.get(SET_UP).status_code == 302


def test_the_picture_to_scan_says_what_the_app_needs(client, owner):
    client.force_login(owner)
    say_it_is_me(client)
    answer = client.get(SET_UP)
    app = pyotp.parse_uri(answer.context["totp_url"])
    assert (app.issuer, app.name, app.secret) == ("Einstein", owner.email, secret_on(answer.content.decode()))
    assert "data:image/svg+xml;base64," in answer.content.decode()
    assert "img-src 'self' data:" in answer.headers["Content-Security-Policy"]


def test_a_wrong_code_sets_nothing_up_and_keeps_the_picture(client, owner):
    client.force_login(owner)
    say_it_is_me(client)
    secret = secret_on(client.get(SET_UP).content.decode())
    page = client.post(SET_UP, {"code": wrong_code(secret)}).content.decode()
    assert "This code does not fit" in page
    assert secret_on(page) == secret
    assert not has_two_steps(owner)


def test_a_code_without_having_seen_the_picture_sets_nothing_up(client, owner):
    client.force_login(owner)
    say_it_is_me(client)
    assert "This code does not fit" in client.post(SET_UP, {"code": "123456"}).content.decode()


def test_an_address_that_is_not_confirmed_sets_nothing_up(client, owner):
    EmailAddress.objects.filter(user=owner).update(verified=False)
    client.force_login(owner)
    say_it_is_me(client)
    secret = secret_on(client.get(SET_UP).content.decode())
    assert "Confirm your e-mail address first" in client.post(SET_UP, {"code": code_of(secret)}).content.decode()
    assert not has_two_steps(owner)


def test_log_ins_that_passed_one_step_end_when_it_is_set_up(client, owner, workspace):
    before = Client()
    type_password(before, owner)
    assert is_inside(before, workspace)
    client.force_login(owner)
    set_up(client)
    assert (is_inside(client, workspace), is_inside(before, workspace)) == (True, False)


def test_its_changes_stand_in_the_trail_and_are_mailed(client, secret, owner, workspace):
    client.post(NEW_CODES)
    client.post(TURN_OFF)
    told = ["two-step log-in set up", "new recovery codes made", "two-step log-in turned off"]
    assert trail(workspace)[-3:] == told
    mailed = AccountMessage.objects.filter(to=owner.email).order_by("id").values_list("subject", flat=True)
    assert [subject.rpartition(": ")[2] for subject in mailed] == told


def test_turned_off_the_password_opens_and_no_recovery_code_is_left(client, secret, owner, workspace):
    client.post(TURN_OFF)
    her = Client()
    assert type_password(her, owner) == "/"
    assert is_inside(her, workspace)
    assert not Authenticator.objects.filter(user=owner).exists()


def test_turning_it_off_asks_who_it_is_once_the_last_answer_is_old(client, secret, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    assert client.post(TURN_OFF).url.startswith("/accounts/reauthenticate/")


def test_a_code_answers_who_it_is_too_and_works_once(client, secret, settings):
    cache.clear()
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    code = code_of(secret)
    again = "/accounts/2fa/reauthenticate/"
    assert client.get(again).status_code == 200
    assert client.post(again, {"code": code}).status_code == 302
    assert "This code does not fit" in client.post(again, {"code": code}).content.decode()


def test_new_recovery_codes_end_the_old_ones(client, secret, owner, workspace):
    old = recovery_codes(client)
    client.post(NEW_CODES)
    new = recovery_codes(client)
    assert len(new) == 10
    assert not set(new) & set(old)
    her = Client()
    type_password(her, owner)
    her.post(CHALLENGE, {"code": old[0]})
    assert not is_inside(her, workspace)


def test_recovery_codes_are_downloaded_as_text_by_their_person_only(client, secret, stranger):
    codes = recovery_codes(client)
    answer = client.get(f"{CODES}download/")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert re.findall(r"^\d{8}$", answer.content.decode(), re.MULTILINE) == codes
    his = Client()
    his.force_login(stranger)
    assert his.get(f"{CODES}download/").status_code == 404


@pytest.mark.parametrize("path", ["/accounts/2fa/", SET_UP, TURN_OFF, CODES, NEW_CODES, f"{CODES}download/"])
def test_every_page_of_it_sends_strangers_to_the_log_in(client, db, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert "/accounts/login/" in answer.url


def test_the_overview_says_how_many_recovery_codes_are_left(client, secret, owner):
    code = recovery_codes(client)[0]
    her = Client()
    type_password(her, owner)
    her.post(CHALLENGE, {"code": code})
    assert "9 of 10 are left" in client.get("/accounts/2fa/").content.decode()


def test_no_secret_stands_readable_in_the_database(client, owner, workspace):
    client.force_login(owner)
    say_it_is_me(client)
    secret = secret_on(client.get(SET_UP).content.decode())
    assert secret not in json.dumps([session.get_decoded() for session in Session.objects.all()])
    client.post(SET_UP, {"code": code_of(secret)})
    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert kept.count("gAAAA") == 2  # Fernet's first bytes: the secret's and the recovery codes' seed


def test_resealing_takes_them_along_and_the_old_key_can_go(secret, owner, workspace, settings):
    from cryptography.fernet import Fernet

    newest = Fernet.generate_key().decode()
    settings.SECRET_STORE_KEYS = [newest, *settings.SECRET_STORE_KEYS]
    call_command("reseal_secrets")
    settings.SECRET_STORE_KEYS = [newest]
    her = Client()
    type_password(her, owner)
    her.post(CHALLENGE, {"code": code_of(secret)})
    assert is_inside(her, workspace)


def test_without_the_key_no_code_fits_and_nothing_breaks(secret, owner, workspace, settings):
    from cryptography.fernet import Fernet

    settings.SECRET_STORE_KEYS = [Fernet.generate_key().decode()]
    her = Client()
    type_password(her, owner)
    assert "This code does not fit" in her.post(CHALLENGE, {"code": code_of(secret)}).content.decode()
    assert not is_inside(her, workspace)
