"""Traces, as a real collector gets them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from apps.pipeline import story, tasks
from apps.runs.models import Run
from apps.runs.queue import enqueue
from einstein import traces
from tests.conftest import ROOT
from tests.servers import Web, send_bytes

UNTOUCHED = """
import sys, django; django.setup()
from django.test import Client
from einstein import traces
with traces.span("nothing") as span: pass
traces.stages([{"name": "Read", "started": 1.0}])
Client(SERVER_NAME="127.0.0.1").get("/accounts/login/")
print(span, [name for name in sys.modules if name.startswith("opentelemetry")])
"""


class Collector:
    """An OTLP receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.web = Web(self._take)

    def _take(self, handler) -> None:
        assert handler.path == "/v1/traces"
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        send_bytes(handler, b"", Content_Type="application/x-protobuf")

    def spans(self) -> dict[str, object]:
        traces.provider(os.getpid()).force_flush()
        return {span.name: span for request in self.requests for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans}  # fmt: skip


@pytest.fixture
def collector(settings):
    made = Collector()
    settings.OTLP_URL = made.web.base
    settings.MIDDLEWARE = [*settings.MIDDLEWARE]
    settings.MIDDLEWARE.insert(settings.MIDDLEWARE.index("einstein.web.reference.ErrorReference") + 1, "einstein.web.traced.Traced")  # fmt: skip
    traces.provider.cache_clear()
    yield made
    traces.provider(os.getpid()).shutdown()
    traces.provider.cache_clear()
    made.web.stop()


def facts(span) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def perform(workspace, monkeypatch, kind, work) -> Run:
    monkeypatch.setitem(story.KINDS, kind, work)
    run = enqueue(kind, 1)
    Run.objects.filter(id=run.id).update(state="dispatched")
    tasks.perform(workspace.id, run.id)
    return run


def test_a_request_is_named_by_its_route_and_carries_its_reference(collector, client, owner, workspace):
    client.force_login(owner)
    answer = client.get(f"/w/{workspace.slug}/datasets/")
    span = collector.spans()["GET /w/<slug:slug>/datasets/"]
    assert facts(span) == {
        "http.request.method": "GET", "http.route": "/w/<slug:slug>/datasets/", "http.response.status_code": 200,
        "einstein.reference": answer.headers["X-Reference"], "einstein.workspace": workspace.id,
    }  # fmt: skip


def test_no_address_is_sent_because_it_may_hold_a_records_key(collector, client, owner, workspace):
    client.force_login(owner)
    client.get(f"/w/{workspace.slug}/predictions/1/scores/secret-customer/?search=secret-customer")
    assert collector.spans()
    assert "secret-customer" not in str(collector.requests)


def test_probes_are_not_traced(collector, client, db):
    client.get("/healthz")
    client.get("/accounts/login/")
    assert list(collector.spans()) == ["GET /accounts/login/"]


def test_a_run_has_a_span_with_its_stages_below(collector, inside, monkeypatch):
    def work(work) -> None:
        work.stage("Read")
        work.stage("Compare")

    run = perform(inside, monkeypatch, "score", work)
    spans = collector.spans()
    assert facts(spans["score"]) == {"einstein.run": run.id, "einstein.kind": "score", "einstein.workspace": inside.id}
    assert {spans[name].parent_span_id for name in ("Read", "Compare")} == {spans["score"].span_id}
    assert (
        spans["score"].start_time_unix_nano <= spans["Read"].end_time_unix_nano <= spans["Compare"].end_time_unix_nano
    )


def test_a_failed_run_is_marked_and_its_words_stay_here(collector, inside, monkeypatch):
    def work(work) -> None:
        raise ValueError("could not read secret-customer")

    perform(inside, monkeypatch, "score", work)
    assert (collector.spans()["score"].status.code, collector.spans()["score"].status.message) == (2, "failed")
    assert "secret-customer" not in str(collector.requests)


def test_a_collector_that_is_away_is_nobodys_concern(collector, client, db):
    collector.web.stop()
    assert client.get("/accounts/login/").status_code == 200
    collector.web = Web(collector._take)


def test_nothing_is_imported_unless_it_is_asked_for(django_db_setup):
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "einstein.settings", "EINSTEIN_OTLP_URL": ""}
    done = subprocess.run([sys.executable, "-c", UNTOUCHED], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout == "None []\n", done.stderr
