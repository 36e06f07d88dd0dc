"""Ours, through its command line. Called: learn.csv test.csv spec.json scores.csv."""

import json
import subprocess
import sys
from pathlib import Path

learn, test, spec_file, out = sys.argv[1:5]
spec = json.loads(Path(spec_file).read_text())
model = str(Path(out).parent / "model")
train = [sys.executable, "-m", "einstein.ml", "train", learn, "--target", spec["target"], "--task", spec["task"], "--budget", str(spec["budget"]),
         "--seed", str(spec["seed"]), "--out", model]  # fmt: skip
if spec["positive"]:
    train += ["--positive", spec["positive"]]
if spec["time"]:
    train += ["--time", spec["time"]]
subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
subprocess.run(
    [sys.executable, "-m", "einstein.ml", "predict", model, test, "--out", out], check=True, stdout=subprocess.DEVNULL
)
