"""The command line: `python -m einstein.ml profile|train|predict|inspect|watch|job`.

On a terminal it speaks in sentences, with progress; with --json or into a pipe it prints one JSON object. Errors are one sentence
on stderr and exit status 2.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from einstein.ml.errors import DataProblem


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 2 refused with a sentence on stderr)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a fit runs in C for seconds and would not hear Python's handler
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataProblem, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        print(error if isinstance(error, DataProblem) else _file_words(error), file=sys.stderr)
        return 2
    return 0


def _file_words(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return f"{error.filename} is a folder, not a file."
    if isinstance(error, PermissionError):
        return f"{error.filename} may not be opened. Check its permissions."
    return f"There is no file {error.filename}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m einstein.ml", description=__doc__)
    commands = parser.add_subparsers(required=True)
    profile = _command(commands, "profile", _profile, "say what a file holds")
    profile.add_argument("file", type=Path)
    profile.add_argument("--sheet", help="of a workbook; else the first that holds something")
    train = _command(commands, "train", _train, "train a model on a file")
    train.add_argument("file", type=Path)
    train.add_argument("--sheet", help="of a workbook; else the first that holds something")
    train.add_argument("--target", required=True, help="the field to predict")
    train.add_argument("--task", choices=["binary", "multiclass", "regression"])
    train.add_argument("--positive", help="the answer that should get a high score")
    train.add_argument("--ignore", action="append", default=[], metavar="COL")
    train.add_argument("--keep", action="append", default=[], metavar="COL", help="keep a field that would be left out")
    train.add_argument("--time", metavar="COL", help="test on the newest fifth by this field")
    train.add_argument(
        "--budget", type=_budget, default=60.0, metavar="SECONDS|auto", help="auto stops when more time stops paying"
    )
    train.add_argument("--trials", type=int, help="a fixed number of settings instead of a time: repeatable")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--threads", type=int, default=0)
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    predict = _command(commands, "predict", _predict, "score a file with a trained model")
    predict.add_argument("model", type=Path, metavar="DIR")
    predict.add_argument("file", type=Path)
    predict.add_argument("--sheet", help="of a workbook; else the first that holds something")
    predict.add_argument("--out", type=Path, required=True)
    predict.add_argument("--reasons", type=int, default=0, metavar="K")
    inspect = _command(commands, "inspect", _inspect, "say what a trained model is")
    inspect.add_argument("model", type=Path, metavar="DIR")
    _watch_arguments(
        _command(commands, "watch", _watch, "judge batch after batch of records and scores by a reference")
    )
    job = _command(commands, "job", _job, "train as a described job, telling progress as JSON lines")
    job.add_argument("folder", type=Path, help="holds job.json and table.parquet; receives model/")
    return parser


def _watch_arguments(watch: argparse.ArgumentParser) -> None:
    watch.add_argument(
        "--reference",
        type=Path,
        required=True,
        metavar="REF.parquet",
        help="what the model learnt from, with its scores",
    )
    watch.add_argument(
        "--batches", type=Path, required=True, metavar="DIR", help="holds 0001.parquet, 0002.parquet, ..."
    )
    watch.add_argument("--score-column", required=True, metavar="SCORE")
    watch.add_argument("--out", type=Path, required=True, metavar="alerts.jsonl")
    watch.add_argument(
        "--model", type=Path, metavar="DIR", help="tells which fields it was given, and how much it uses them"
    )
    watch.add_argument("--seasonality", choices=["weekly", "none"], default="weekly")
    watch.add_argument("--budget", type=float, default=0.1, help="false alarms per 100 batches")
    watch.add_argument("--ignore", action="append", default=[], metavar="COL")


def _command(commands: Any, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words)
    command.add_argument("--json", action="store_true", help="print one JSON object, as is done into a pipe")
    command.set_defaults(run=run)
    return command


def _budget(text: str) -> float | None:
    if text == "auto":
        return None
    seconds = float(text)
    if not 1 <= seconds <= 86_400 * 7:
        raise argparse.ArgumentTypeError("a budget is 1 to 604,800 seconds, or auto")
    return seconds


def _say(options: argparse.Namespace, facts: dict[str, Any], sentences: list[str]) -> None:
    print("\n".join(sentences) if sys.stdout.isatty() and not options.json else json.dumps(facts))


def _profile(options: argparse.Namespace) -> None:
    from einstein.ml.profile import describe_table
    from einstein.ml.reader import read_frame

    table, report = read_frame(options.file, sheet=options.sheet)
    facts = describe_table(table) | {"rows": report.rows, "rejected": report.rejected, "notes": report.notes}
    facts["rejects"] = [{"line": item.line, "field": item.field, "reason": item.reason} for item in report.rejects[:20]]
    sentences = [
        f"{report.rows:,} records with {len(report.fields):,} fields; {report.rejected:,} lines could not be read.",
        *report.notes,
    ]
    sentences += [f"line {item['line']:,}: {item['reason']}" for item in facts["rejects"]]
    _say(options, facts, sentences + [f"  {field['name']}: {field['words']}" for field in facts["fields"]])


def _train(options: argparse.Namespace) -> None:
    began = time.monotonic()
    from einstein.ml.reader import read_frame
    from einstein.ml.train import TrainRequest, train

    reading = time.monotonic()
    table, _ = read_frame(options.file, sheet=options.sheet)
    began += time.monotonic() - reading  # reading comes on top of the budget
    request = TrainRequest(
        target=options.target, task=options.task, positive=options.positive, ignore=options.ignore, keep=options.keep,
        time_field=options.time, budget=options.budget, trials=options.trials, seed=options.seed, threads=options.threads, started=began,
    )  # fmt: skip
    facts = train(table, request, options.out, _progress)
    _say(options, _summary(facts), _train_sentences(facts, options.out))


def _progress(event: dict[str, Any]) -> None:
    if not sys.stderr.isatty():
        return
    if "stage" in event:
        detail = f" ({event['detail']})" if "detail" in event else ""
        print(f"\r\033[K{event['stage']}{detail}", file=sys.stderr)
    else:
        counts = event["progress"]
        print(
            f"\r\033[K  {counts['tried']} tried, the best so far {counts['best']:.3f}, {counts['seconds']:.0f} s",
            end="",
            file=sys.stderr,
            flush=True,
        )


def _summary(facts: dict[str, Any]) -> dict[str, Any]:
    scorecard, left_out = facts["scorecard"], facts["left_out"]
    return {
        "task": facts["outcome"]["task"], "estimator": scorecard["estimator"], "verdict": scorecard["verdict"], "metrics": scorecard["metrics"],
        "baseline": scorecard["baseline"], "grade": scorecard["grade"], "test_records": scorecard["test_records"],
        "dropped": {item["field"]: item["reason"] for item in left_out if item["kind"] != "no gain"},
        "no_gain": [item["field"] for item in left_out if item["kind"] == "no gain"],
        "please_check": {item["field"]: item["reason"] for item in facts["to_check"]},
        "tried": scorecard["tried"], "seconds": scorecard["seconds"], "hash": facts["hash"],
    }  # fmt: skip


def _train_sentences(facts: dict[str, Any], out: Path) -> list[str]:
    card = facts["scorecard"]
    return [
        f"Grade {card['grade']}. {card['verdict']}",
        *(f"Left out {item['field']}: {item['reason']}" for item in facts["left_out"]),
        *(f"Please check {item['field']}: {item['reason']}" for item in facts["to_check"]),
        f"{card['estimator']}; {card['tried']:,} settings tried in {card['seconds']:.0f} s. The model is in {out}.",
    ]


def _predict(options: argparse.Namespace) -> None:
    import pandas as pd

    from einstein.ml.artifact import load_model
    from einstein.ml.reader import read_frame
    from einstein.ml.reasons import reason_words
    from einstein.ml.scorer import score

    model = load_model(options.model)
    table, report = read_frame(options.file, sheet=options.sheet)
    scores = score(model, table, options.reasons)
    columns: dict[str, Any] = {"prediction": scores.value if scores.probabilities is None else scores.predicted}
    if scores.probabilities is not None:
        columns |= {f"probability_{name}": scores.probabilities[:, number] for number, name in enumerate(model.classes)}
    for place in range(options.reasons):
        columns[f"reason_{place + 1}"] = [
            reason_words(why[place]) if place < len(why) else "" for why in scores.reasons
        ]
    pd.DataFrame(columns).to_csv(options.out, index=False)
    missing = [name for name in model.encoder.fields if name not in table.columns]
    facts = {"records": len(table), "rejected": report.rejected, "missing_fields": missing, "out": str(options.out)}
    sentences = [f"{len(table):,} records scored into {options.out}; {report.rejected:,} lines could not be read."]
    _say(
        options,
        facts,
        sentences
        + ([f"Fields the model knows but the file lacks count as blank: {', '.join(missing)}."] if missing else []),
    )


def _inspect(options: argparse.Namespace) -> None:
    from einstein.ml.artifact import read_facts

    facts = read_facts(options.model)
    card = facts["scorecard"]
    sentences = [
        f"Predicts {facts['outcome']['field']} ({facts['outcome']['task']}) from {len(facts['fields'])} fields. Grade {card['grade']}. {card['verdict']}",
        *(f"  {driver['field']}: {driver['share']:.0%} of the effect" for driver in card["drivers"][:10]),
        *(f"Left out {item['field']}: {item['reason']}" for item in facts["left_out"]),
    ]
    _say(
        options,
        _summary(facts) | {"fields": facts["fields"], "drivers": card["drivers"]},
        sentences,
    )


def _watch(options: argparse.Namespace) -> None:
    from einstein.ml.watch.command import watch

    facts = watch(
        options.reference, options.batches, options.score_column, options.out, options.model,
        weekly=options.seasonality == "weekly", budget=options.budget, ignore=options.ignore,
    )  # fmt: skip
    _say(
        options,
        facts,
        [f"{facts['batches']:,} batches watched, {facts['opened']:,} alerts opened; they are in {options.out}."],
    )


def _job(options: argparse.Namespace) -> None:
    from einstein.ml.reader.table import load_columns
    from einstein.ml.train import TrainRequest, train

    tempfile.tempdir = str(options.folder)  # what it leaves when it is killed goes with the folder
    request = TrainRequest(**json.loads((options.folder / "job.json").read_text()))
    request.started = None  # another process's clock means nothing here
    table = load_columns(options.folder / "table.parquet")
    facts = train(table, request, options.folder / "model", lambda event: print(json.dumps(event), flush=True))
    print(json.dumps({"done": {"hash": facts["hash"]}}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
