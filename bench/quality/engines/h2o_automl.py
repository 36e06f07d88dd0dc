"""H2O AutoML with its defaults. Called: learn.csv test.csv spec.json scores.csv."""

import json
import sys
from pathlib import Path

import h2o
from h2o.automl import H2OAutoML

learn_file, test_file, spec_file, out = sys.argv[1:5]
spec = json.loads(Path(spec_file).read_text())
h2o.init(nthreads=spec["cores"], max_mem_size="4g", verbose=False)
h2o.no_progress()
learn, test = h2o.import_file(learn_file, header=1), h2o.import_file(test_file, header=1)
if spec["task"] != "regression":
    learn[spec["target"]] = learn[spec["target"]].asfactor()
automl = H2OAutoML(max_runtime_secs=spec["budget"], seed=spec["seed"] + 1, verbosity=None)
automl.train(y=spec["target"], training_frame=learn)
scores = automl.leader.predict(test).as_data_frame(use_multi_thread=False)
if spec["task"] == "regression":
    scores = scores.rename(columns={"predict": "prediction"})
else:
    names = {str(name): f"probability_{name}" for name in learn[spec["target"]].levels()[0]}
    scores = scores.rename(columns=names | {f"p{name}": words for name, words in names.items()}).drop(
        columns=["predict"]
    )
scores.to_csv(out, index=False)
h2o.cluster().shutdown()
