"""`make bench-live`: one record scored with three reasons through the whole HTTP stack (granian as the product starts it, authentication, tenant
scope, JSON), against an authenticated DRF view that does nothing, in turns in the same run, at 8 connections. Limit: twice, in p50 and p95.
The model is the one that ships for telco within `--budget` seconds (60)."""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.flow.installation import begin, workspace_of_its_own
from bench.quality.tables import tables
from bench.server import load, serve

CONNECTIONS, ROUNDS, CALLS, WARM, LIMIT = 8, 5, 1600, 200, 2.0
PORT = 8977


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=60.0)
    options = parser.parse_args()
    begin()
    _, _, plain, prediction, record, trees = installed(options.budget)
    header = {"Authorization": f"Bearer {plain}", "Content-Type": "application/json"}
    body = json.dumps({"records": [record], "reasons": 3})
    server = serve("bench.live.wsgi:application", PORT)
    try:
        answer = _one(f"/api/v1/predictions/{prediction}/score", body, header)
        assert len(answer["scores"][0]["reasons"]) == 3, answer
        measured: dict[str, list[np.ndarray]] = {"empty": [], "score": []}
        paths = {"empty": "/api/v1/empty", "score": f"/api/v1/predictions/{prediction}/score"}
        for turn in range(ROUNDS + 1):
            for name, path in paths.items():
                times, _ = load(PORT, "POST", path, body, header, CALLS if turn else WARM, CONNECTIONS)
                measured[name] += [times] if turn else []
    finally:
        server.terminate()
        server.wait(20)
    return _report(measured, trees)


def installed(budget: float) -> tuple[object, object, str, int, dict, str]:
    """(a person, her workspace, an API key, a prediction, a record, what its model is)."""
    from apps.datasets.models import Dataset
    from apps.predictions.models import ModelVersion, Prediction
    from apps.workspaces.api_keys import create_key
    from apps.workspaces.scope import workspace_scope
    from einstein import storage
    from einstein.ml.artifact import read_facts
    from einstein.ml.train import TrainRequest, train

    (table,) = tables(["telco"])
    frame = table.read()
    folder = Path(tempfile.mkdtemp()) / "model"
    train(frame, TrainRequest(table.target, positive=table.positive, budget=budget), folder)
    facts = read_facts(folder)
    user, workspace = workspace_of_its_own()
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Customers", owner=user)
        prediction = Prediction.objects.create(
            name="Churn", dataset=dataset, state="active", owner=user, outcome_kind="binary", outcome_field=table.target
        )
        key = storage.key_for(workspace.id, "models", "bench")
        storage.put_folder(folder, key)
        version = ModelVersion.objects.create(
            prediction=prediction, number=1, state="champion", storage_key=key, hash=facts["hash"], facts=facts
        )
        Prediction.objects.filter(id=prediction.id).update(champion=version)
        _, plain = create_key(user, "Bench", "score")
    record = {name: value for name, value in frame.iloc[7].items() if isinstance(value, str) and name != table.target}
    manifest = json.loads((folder / "manifest.json").read_text())
    trees = sum(count for _, count in manifest["explainer"].get("trees", []))
    return user, workspace, plain, prediction.id, record, f"{len(manifest['members'])} members, {trees} trees explained"


def _one(path: str, body: str, header: dict[str, str]) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    connection.request("POST", path, body, header)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return json.loads(text)


def _report(measured: dict[str, list[np.ndarray]], trees: str) -> int:
    failed = False
    for share in (50, 95):
        figures = {name: [float(np.percentile(times, share)) for times in rounds] for name, rounds in measured.items()}
        ratios = [score / empty for score, empty in zip(figures["score"], figures["empty"], strict=True)]
        ratio = statistics.median(ratios)
        failed |= ratio > LIMIT
        shown = {
            name: f"{min(values):.1f}/{statistics.median(values):.1f}/{max(values):.1f}"
            for name, values in figures.items()
        }
        print(f"p{share}  empty view {shown['empty']} ms   one score with three reasons {shown['score']} ms   "
              f"ratio {min(ratios):.2f}/{ratio:.2f}/{max(ratios):.2f} (at most {LIMIT})")  # fmt: skip
    print(f"model: {trees}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
