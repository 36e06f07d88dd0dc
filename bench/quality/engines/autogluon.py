"""AutoGluon with its medium preset. Called: learn.csv test.csv spec.json scores.csv."""

import json
import sys
from pathlib import Path

import pandas as pd

sys.path.pop(0)  # this file has the package's name
from autogluon.tabular import TabularPredictor  # noqa: E402

learn_file, test_file, spec_file, out = sys.argv[1:5]
spec = json.loads(Path(spec_file).read_text())
learn, test = pd.read_csv(learn_file), pd.read_csv(test_file)
if spec["task"] != "regression":
    learn[spec["target"]] = learn[spec["target"]].astype(str)
metric = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}[spec["task"]]
predictor = TabularPredictor(
    spec["target"], problem_type=spec["task"], eval_metric=metric, path=str(Path(out).parent / "model"), verbosity=0
)
predictor.fit(learn, time_limit=spec["budget"], presets="medium_quality", num_cpus=spec["cores"])
if spec["task"] == "regression":
    scores = pd.DataFrame({"prediction": predictor.predict(test)})
else:
    chances = predictor.predict_proba(test)
    scores = chances.rename(columns={name: f"probability_{name}" for name in chances.columns})
scores.to_csv(out, index=False)
