"""A score in words."""

from __future__ import annotations

from apps.predictions.definition import outcome_words
from apps.predictions.models import Prediction
from apps.predictions.parts import speaking_template
from apps.scoring.change import LEAST_CHANGE, Change
from apps.scoring.models import Score
from einstein.web.templatetags.words import number, percent, plural


def score_name(prediction: Prediction) -> str:
    """What the scores are called: "Chance of leaving" where a ready-made prediction says it, else "Score"."""
    template = speaking_template(prediction)
    return template.score if template else "Score"


def band_title(prediction: Prediction, score: Score) -> str:
    if prediction.task == "regression":
        return f"{prediction.outcome_field} of about {number(score.value)}"
    if prediction.task == "multiclass":
        return f"Most likely {score.predicted}"
    template = speaking_template(prediction)
    if template:
        return template.bands[score.band].capitalize()
    likely = {"high": "Likely", "medium": "Possible", "low": "Unlikely"}[score.band]
    return f"{likely}: {outcome_words(prediction)}"


def score_sentence(prediction: Prediction, score: Score) -> str:
    """What the score means, counted in records."""
    nouns = plural(prediction.dataset.noun)
    facts = score.version.facts
    if prediction.task == "regression":
        half = facts["scorecard"]["within"][0][1]
        return f"Half of the predictions are within {number(half)} of the truth."
    if prediction.task == "multiclass":
        return f"Of 100 {nouns} with a score like this, about {percent(score.value)[:-1]} turned out {score.predicted}."
    average = percent(facts.get("positive_share") or 0)
    return f"Of 100 {nouns} with a score like this, about {percent(score.value)[:-1]} turned out yes. The average {prediction.dataset.noun} is at {average}."


def change_sentence(prediction: Prediction, change: Change) -> str:
    """ "12 points more because the record changed, 6 points more because the model was trained again."."""
    parts = [
        f"{_moved(prediction, amount)} because {why}"
        for amount, why in ((change.by_record, "the record changed"), (change.by_model, "the model was trained again"))
        if abs(amount) >= LEAST_CHANGE or (prediction.task == "regression" and amount)
    ]
    if not parts:
        return "The score is about the same."
    return f"{', '.join(parts)}.".capitalize()


def _moved(prediction: Prediction, amount: float) -> str:
    size = number(abs(amount)) if prediction.task == "regression" else f"{abs(round(amount * 100))} points"
    return f"{size} {'more' if amount > 0 else 'less'}"
