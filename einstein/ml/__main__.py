"""The command line: `python -m einstein.ml train|predict|job`. One JSON object on stdout; errors as one sentence, exit 2."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from einstein.ml.errors import DataProblem


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 2 refused with a sentence on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataProblem, FileNotFoundError, IsADirectoryError) as error:
        print(error if isinstance(error, DataProblem) else f"There is no file {error.filename}.", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m einstein.ml", description=__doc__)
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train a model on a file")
    train.add_argument("file", type=Path)
    train.add_argument("--target", required=True, help="the field to predict")
    train.add_argument("--task", choices=["binary", "multiclass", "regression"])
    train.add_argument("--positive", help="the answer that should get a high score")
    train.add_argument("--ignore", action="append", default=[], metavar="COL")
    train.add_argument("--keep", action="append", default=[], metavar="COL", help="keep a field that would be left out")
    train.add_argument("--time", metavar="COL", help="test on the newest fifth by this field")
    train.add_argument("--budget", type=float, default=60.0, metavar="SECONDS")
    train.add_argument("--trials", type=int, help="a fixed number of settings instead of a time: repeatable")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--threads", type=int, default=0)
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.set_defaults(run=_train)
    predict = commands.add_parser("predict", help="score a file with a trained model")
    predict.add_argument("model", type=Path, metavar="DIR")
    predict.add_argument("file", type=Path)
    predict.add_argument("--out", type=Path, required=True)
    predict.add_argument("--reasons", type=int, default=0, metavar="K")
    predict.set_defaults(run=_predict)
    job = commands.add_parser("job", help="train as a described job, telling progress as JSON lines")
    job.add_argument("folder", type=Path, help="holds job.json and table.parquet; receives model/")
    job.set_defaults(run=_job)
    return parser


def _train(options: argparse.Namespace) -> None:
    from einstein.ml.reader import read_frame
    from einstein.ml.train import TrainRequest, train

    table, _ = read_frame(options.file)
    request = TrainRequest(
        target=options.target, task=options.task, positive=options.positive, ignore=options.ignore, keep=options.keep,
        time_field=options.time, budget=options.budget, trials=options.trials, seed=options.seed, threads=options.threads,
    )  # fmt: skip
    print(json.dumps(_summary(train(table, request, options.out))))


def _summary(facts: dict[str, Any]) -> dict[str, Any]:
    scorecard = facts["scorecard"]
    return {
        "task": facts["outcome"]["task"], "estimator": scorecard["estimator"], "metrics": scorecard["metrics"],
        "baseline": scorecard["baseline"], "grade": scorecard["grade"], "test_records": scorecard["test_records"],
        "dropped": {item["field"]: item["reason"] for item in facts["left_out"]},
        "please_check": {item["field"]: item["reason"] for item in facts["to_check"]},
        "tried": scorecard["tried"], "seconds": scorecard["seconds"], "hash": facts["hash"],
    }  # fmt: skip


def _predict(options: argparse.Namespace) -> None:
    from einstein.ml.artifact import load_model
    from einstein.ml.explain import reason_words
    from einstein.ml.reader import read_frame
    from einstein.ml.scorer import score

    model = load_model(options.model)
    table, report = read_frame(options.file)
    scores = score(model, table, options.reasons)
    columns: dict[str, Any] = {"prediction": scores.value if scores.probabilities is None else scores.predicted}
    if scores.probabilities is not None:
        columns |= {f"probability_{name}": scores.probabilities[:, number] for number, name in enumerate(model.classes)}
    for place in range(options.reasons):
        columns[f"reason_{place + 1}"] = [
            reason_words(why[place]) if place < len(why) else "" for why in scores.reasons
        ]
    pd.DataFrame(columns).to_csv(options.out, index=False)
    print(json.dumps({"records": len(table), "rejected": report.rejected, "out": str(options.out)}))


def _job(options: argparse.Namespace) -> None:
    from einstein.ml.reader.table import load_snapshot
    from einstein.ml.train import TrainRequest, train

    request = TrainRequest(**json.loads((options.folder / "job.json").read_text()))
    table = load_snapshot(options.folder / "table.parquet")
    facts = train(table, request, options.folder / "model", lambda event: print(json.dumps(event), flush=True))
    print(json.dumps({"done": {"hash": facts["hash"]}}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
