"""What came true: records scored while their outcome was open, once it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from django.db import connection

from apps.predictions.definition import positive_of
from apps.predictions.models import Prediction
from apps.scoring.models import Score, ScoringRun
from apps.workspaces.scope import current_workspace_id
from einstein.ml.types.numbers import to_number

# Each score tells once: it is closed in the statement that keeps what came of it.
KEEP = """
WITH arrived AS (
    UPDATE scoring_score s SET open = false FROM known k
     WHERE s.prediction_id = %(prediction)s AND s.open AND s.key = k.key
    RETURNING s.version_id, s.key, s.value, s.band, s.as_of, coalesce(k.came, (s.predicted = k.happened)::int) AS came
)
INSERT INTO scoring_outcome (workspace_id, prediction_id, version_id, key, said, band, came, said_at, known_at)
SELECT %(workspace)s, %(prediction)s, version_id, key, value, band, came, as_of, %(now)s FROM arrived
ON CONFLICT (prediction_id, version_id, key) DO NOTHING
"""


def keep_outcomes(prediction: Prediction, known: pd.Series, run: ScoringRun) -> None:
    """Keep what came true since the last run; `known` {key: outcome as written}. In the transaction of the run, before its scores.

    Without a key field a record cannot be found again, so nothing can be said of it.
    """
    if not prediction.dataset.key_field or known.empty:
        return
    waiting = Score.objects.filter(prediction=prediction, open=True).values_list("key", flat=True)
    known = known[known.index.isin(list(waiting))]
    if known.empty:
        return
    came = _came(prediction, known)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE known (key text, happened text, came double precision) ON COMMIT DROP")
        with cursor.copy("COPY known (key, happened, came) FROM STDIN") as copy:
            for key, happened, number in zip(known.index, known, came, strict=True):
                if number is None or np.isfinite(number):
                    copy.write_row((key, str(happened)[:220], number))
        cursor.execute(KEEP, {"prediction": prediction.id, "workspace": current_workspace_id(), "now": run.as_of})
        cursor.execute("DROP TABLE known")


def _came(prediction: Prediction, known: pd.Series) -> list[float | None]:
    """Outcomes as numbers; None where only the score tells whether it was right."""
    if prediction.task == "binary":
        positive = positive_of(prediction)
        return [float(happened == positive) for happened in known]
    if prediction.task == "regression":
        numbers = (to_number(str(happened)) for happened in known)
        return [float("nan") if number is None else number for number in numbers]
    return [None] * len(known)
