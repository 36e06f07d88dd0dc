"""NannyML's defaults on a folder of days: Jensen-Shannon distance of each field against thresholds from chunks of the reference."""

import json
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

folder = Path(sys.argv[1])


def read(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    return table.astype({name: "object" for name in table.columns if table[name].dtype == "string"})


reference = read(folder / "reference.parquet")
fields = [name for name in reference.columns if reference[name].nunique() < len(reference) * 0.9]
said = []
for path in sorted(folder.glob("0*.parquet")):
    day = read(path)
    try:
        calculator = nannyml.UnivariateDriftCalculator(
            fields,
            chunk_size=max(1, len(day)),
            continuous_methods=["jensen_shannon"],
            categorical_methods=["jensen_shannon"],
        )
        result = calculator.fit(reference).calculate(day).filter(period="analysis").to_df()
        said.append(bool(result.xs("alert", axis=1, level=-1).to_numpy().any()))
    except Exception:  # it gives up on a day that it cannot compare: somebody is told
        said.append(True)
print(json.dumps({"NannyML, Jensen-Shannon defaults": said}))
