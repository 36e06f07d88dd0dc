"""The REST description keeps its word: nothing answers 500 or what is not described, and the client written from it works."""

from __future__ import annotations

import importlib.util
import re

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from apps.deliveries.models import Widget
from apps.scoring.models import Score
from apps.workspaces.api_keys import create_key
from einstein.wsgi import application
from tests.conftest import ROOT

OPERATIONS = [
    "send_records",
    "batch_state",
    "score_records",
    "stored_score",
    "stored_scores",
    "predictions",
    "mint_widget_token",
]
EXAMPLES = 40


@pytest.fixture
def numbers(scored):
    """Real numbers for the addresses, so that half of the calls meet something that exists."""
    widget = Widget.objects.create(prediction=scored, name="W", origins=["https://crm.example"])
    return {
        "prediction_id": scored.id,
        "dataset_id": scored.dataset_id,
        "widget_id": widget.id,
        "batch_id": 1,
        "key": Score.objects.first().key,
    }


@pytest.fixture(autouse=True)
def _the_tests_own_connection_stays_open():
    """A real server closes its connection after a request; here it is the test's, with its transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def header(owner, scored):
    _, plain = create_key(owner, "All", "all")
    return {"Authorization": f"Bearer {plain}"}


def test_every_call_is_described(db):
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    found = {result.ok().definition.raw["operationId"] for result in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_the_answer_is_one_that_is_described(name, mode, numbers, header, settings, client):
    settings.KEY_CALLS_AN_HOUR = 100_000_000
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    operation = next(
        result.ok() for result in schema.get_all_operations() if result.ok().definition.raw["operationId"] == name
    )
    turns = iter(range(10**6))

    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(
        max_examples=EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        derandomize=True,
    )
    def answers_as_described(case) -> None:
        if next(turns) % 2:
            case.path_parameters = {key: numbers[key] for key in case.path_parameters}
        # What fits the description may still be wrong in itself, such as a record without its key; names we do not know are passed over.
        case.call_and_validate(headers=header, excluded_checks=[positive_data_acceptance, negative_data_rejection])

    answers_as_described()


@pytest.fixture
def einstein(live_client, header):
    return live_client(header["Authorization"].removeprefix("Bearer "))


@pytest.fixture
def live_client(client, tmp_path, monkeypatch):
    """The client as downloaded, its calls answered by the application in this process."""
    path = tmp_path / "einstein_client.py"
    path.write_bytes(client.get("/api/client.py").content)
    spec = importlib.util.spec_from_file_location("einstein_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def urlopen(request, timeout):
        import io
        import urllib.error

        answer = client.generic(request.method, request.selector, request.data or b"", "application/json",
                                headers={name: value for name, value in request.header_items() if name != "Content-type"})  # fmt: skip
        if answer.status_code >= 300:
            raise urllib.error.HTTPError(request.full_url, answer.status_code, "", {}, io.BytesIO(answer.content))
        return io.BytesIO(answer.content)

    monkeypatch.setattr(module.urllib.request, "urlopen", urlopen)
    make = lambda key: module.Einstein(key)  # noqa: E731
    make.problem = module.EinsteinProblem
    return make


def test_the_clients_every_call_works(einstein, live_client, numbers, scored):
    assert [found["name"] for found in einstein.predictions()] == ["Churn"]
    scored_now = einstein.score_records(
        scored.id, records=[{"customerID": "x", "tenure": 2, "Contract": "Month-to-month"}], reasons=2
    )["scores"][0]
    assert 0 < scored_now["score"] < 1
    assert len(scored_now["reasons"]) == 2
    assert {warning["code"] for warning in scored_now["warnings"]} == {"not_given"}
    page = einstein.stored_scores(scored.id, limit=30)
    everything = list(einstein.pages(page))
    assert len(page["results"]) == 30
    assert [row["score"] for row in everything] == sorted((row["score"] for row in everything), reverse=True)
    assert len({row["key"] for row in everything}) == 200
    assert einstein.stored_score(scored.id, numbers["key"])["key"] == numbers["key"]
    batch = einstein.send_records(scored.dataset_id, records=[{"customerID": "x1", "tenure": 3}], idempotency_key="a")
    assert einstein.batch_state(scored.dataset_id, batch["batch"])["state"] == "waiting"
    assert einstein.mint_widget_token(numbers["widget_id"], key="x", origin="https://crm.example")["expires_in"] == 300
    with pytest.raises(live_client.problem) as refused:
        einstein.stored_score(scored.id, "nobody")
    assert refused.value.status == 404


@pytest.mark.parametrize("page", ["README.md", "docs/rest.md"])
def test_the_examples_of_the_docs_run_as_written(einstein, live_client, scored, monkeypatch, capsys, page):
    readme = (ROOT / page).read_text()
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    monkeypatch.setitem(
        __import__("sys").modules, "einstein_client", type("Module", (), {"Einstein": lambda *_: einstein})
    )
    own = example.replace("PREDICTION = 1", f"PREDICTION = {scored.id}").replace("records(1,", f"records({scored.id},")
    exec(own, {})  # noqa: S102 it is our own text
    assert "%" in capsys.readouterr().out


def test_one_record_that_cannot_be_scored_does_not_stop_the_others(client, scored, header):
    body = {
        "records": [
            {"customerID": "a", "tenure": 5},
            {"nothing": 1},
            {"customerID": "b", "tenure": "soon", "Contract": "Three year", "MonthlyCharges": 9999},
        ]
    }
    answer = client.post(
        f"/api/v1/predictions/{scored.id}/score", body, content_type="application/json", headers=header
    ).json()["scores"]
    assert [found["score"] is None for found in answer] == [False, True, False]
    assert answer[1]["error"]["code"] == "no_known_field"
    codes = {warning["field"]: warning["code"] for warning in answer[2]["warnings"]}
    assert (codes["tenure"], codes["Contract"], codes["MonthlyCharges"]) == ("unreadable", "unseen", "outside")
    assert "the model learnt from" in next(
        warning["words"] for warning in answer[2]["warnings"] if warning["code"] == "outside"
    )


def test_an_unchanged_score_is_not_sent_again(client, scored, header, numbers):
    address = f"/api/v1/predictions/{scored.id}/scores/{numbers['key']}"
    first = client.get(address, headers=header)
    again = client.get(address, headers=header | {"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Score.objects.filter(key=numbers["key"]).update(as_of=scored.created_at)
    assert client.get(address, headers=header | {"If-None-Match": first["ETag"]}).status_code == 200


def test_every_answer_says_how_many_calls_are_left(client, scored, header):
    left = [int(client.get("/api/v1/predictions", headers=header)["RateLimit-Remaining"]) for _ in range(3)]
    assert left == [1999, 1998, 1997]
