"""FLAML as its quick start has it. Called: learn.csv test.csv spec.json scores.csv."""

import json
import sys
from pathlib import Path

import pandas as pd
from flaml import AutoML

learn_file, test_file, spec_file, out = sys.argv[1:5]
spec = json.loads(Path(spec_file).read_text())
learn, test = pd.read_csv(learn_file), pd.read_csv(test_file)
target = learn.pop(spec["target"])
if spec["task"] != "regression":
    target = target.astype(str)
automl = AutoML()
task = "regression" if spec["task"] == "regression" else "classification"
automl.fit(learn, target, task=task, time_budget=spec["budget"], seed=spec["seed"], verbose=0)
if task == "regression":
    scores = pd.DataFrame({"prediction": automl.predict(test)})
else:
    scores = pd.DataFrame(automl.predict_proba(test), columns=[f"probability_{name}" for name in automl.classes_])
scores.to_csv(out, index=False)
