"""`make bench-scale`: a million records of 30 columns through the command line. Limits: `train` within 1.15 budgets and reading, under
2.5 GB; scoring without reasons at 100,000 records a second. `--rows N`, `--budget S` narrow it down."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.made_table import write_table

LIMIT_GB, LIMIT_RATE, LIMIT_BUDGET = 2.5, 100_000, 1.15
RUNS = 3
READ = "import sys,time; from pathlib import Path; from einstein.ml.reader import read_frame; b=time.monotonic(); read_frame(Path(sys.argv[1])); print(time.monotonic()-b)"
SCORE = """
import sys, time
from pathlib import Path
from einstein.ml.artifact import load_model
from einstein.ml.reader import read_frame
from einstein.ml.scorer import score
model = load_model(Path(sys.argv[1])); table, _ = read_frame(Path(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    began = time.monotonic(); score(model, table, 0); print(len(table) / (time.monotonic() - began))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--budget", type=int, default=120)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return _measured(Path(name), options.rows, options.budget)


def _measured(folder: Path, rows: int, budget: int) -> int:
    file, model = folder / "table.csv", folder / "model"
    write_table(file, rows)
    reading = float(_run([sys.executable, "-c", READ, str(file)])[0])
    train = [
        sys.executable,
        "-m",
        "einstein.ml",
        "train",
        str(file),
        "--target",
        "churned",
        "--positive",
        "yes",
        "--budget",
        str(budget),
        "--out",
        str(model),
    ]
    out, seconds, peak = _run(train)
    facts = json.loads(out)
    out, _, scoring_peak = _run([sys.executable, "-c", SCORE, str(model), str(file), str(RUNS)])
    rates = [float(line) for line in out.split()]
    allowed = LIMIT_BUDGET * budget + reading
    print(f"{rows:,} records, {file.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores; read in {reading:.1f} s")
    print(
        f"train    {seconds:.1f} s of {allowed:.1f} s allowed, peak {peak:.2f} GB of {LIMIT_GB}; AUC {facts['metrics']['auc']['value']:.4f}, {facts['estimator']}, {facts['tried']} tried"
    )
    print(
        f"score    {min(rates):,.0f}/{statistics.median(rates):,.0f}/{max(rates):,.0f} records/s (at least {LIMIT_RATE:,}), peak {scoring_peak:.2f} GB"
    )
    return int(seconds > allowed or peak > LIMIT_GB or statistics.median(rates) < LIMIT_RATE)


def _run(command: list[str]) -> tuple[str, float, float]:
    """(output, seconds, peak resident GB) of a command."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = child.stdout.read() if child.stdout else ""
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command[:4])} ended with {status}")
    return out, time.monotonic() - began, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


if __name__ == "__main__":
    sys.exit(main())
