"""Reasons are kept short and come back as they were, whichever release wrote them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.scoring.models import Score
from apps.scoring.short_reasons import PLACES, shortened, spelled_out
from einstein.ml.reasons import reason

shares = st.integers(1, PLACES).map(lambda parts: parts / PLACES)
# A lone half of a surrogate pair is no text that a file or a form can hold.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
reasons = st.lists(st.builds(reason, texts, st.none() | texts, st.booleans(), shares), max_size=10)


@given(reasons)
def test_what_is_kept_short_comes_back_as_it_was(why):
    assert spelled_out(shortened(why)) == why


def test_reasons_that_the_release_before_wrote_are_read_after_any_short_ones(scored):
    score = Score.objects.filter(prediction=scored).first()
    assert score.reasons and score.reasons_before == []
    old = [reason("Contract", "Two year", False, 0.4)]
    Score.objects.filter(id=score.id).update(reasons_before=old)
    assert Score.objects.get(id=score.id).reasons == old


def test_a_score_without_reasons_has_none(scored):
    Score.objects.filter(prediction=scored).update(short_reasons="")
    assert Score.objects.filter(prediction=scored).first().reasons == []


def test_kept_short_they_take_less_than_half_the_letters(scored):
    why = Score.objects.filter(prediction=scored).first().reasons
    assert len(why) >= 3
    assert len(shortened(why)) < 0.5 * len(str(why))
