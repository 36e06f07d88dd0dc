"""REST bodies of scoring."""

from rest_framework import serializers

MOST_RECORDS = 200  # DEFAULTS: 200 records a call


class ScoreRequest(serializers.Serializer):
    """Up to 200 records, each an object of field names and values."""

    records = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MOST_RECORDS)
    reasons = serializers.IntegerField(min_value=0, max_value=10, default=3)


class Reason(serializers.Serializer):
    field = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    direction = serializers.ChoiceField(choices=["raises", "lowers"])
    size = serializers.CharField(allow_blank=True)
    words = serializers.CharField()


class Warning(serializers.Serializer):
    """Something in the record that the model did not learn from."""

    field = serializers.CharField()
    code = serializers.ChoiceField(choices=["not_given", "unreadable", "outside", "unseen"])
    words = serializers.CharField()


class RecordProblem(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class StoredScoreAnswer(serializers.Serializer):
    """One stored score. `score` is a probability from 0 to 1, or the predicted number; `stale` says that a newer scoring or version passed it by."""

    key = serializers.CharField(allow_null=True)
    score = serializers.FloatField()
    predicted = serializers.CharField()
    band = serializers.ChoiceField(choices=["high", "medium", "low"])
    reasons = Reason(many=True)
    as_of = serializers.DateTimeField()
    model_version = serializers.IntegerField()
    stale = serializers.BooleanField()


class ScoreAnswer(serializers.Serializer):
    """The score of one record that was sent, or `error` when it could not be scored; the other records are not touched by that."""

    key = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    predicted = serializers.CharField(allow_null=True)
    band = serializers.ChoiceField(choices=["high", "medium", "low"], allow_null=True)
    reasons = Reason(many=True)
    warnings = Warning(many=True)
    error = RecordProblem(allow_null=True)
    as_of = serializers.DateTimeField()
    model_version = serializers.IntegerField()
    stale = serializers.BooleanField()


class ScoresAnswer(serializers.Serializer):
    scores = ScoreAnswer(many=True)


class PredictionAnswer(serializers.Serializer):
    """A prediction that can be asked."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    outcome = serializers.CharField()
    task = serializers.ChoiceField(choices=["binary", "regression", "multiclass"])
    model_version = serializers.IntegerField()
    scored_at = serializers.DateTimeField(allow_null=True)
    next_run_at = serializers.DateTimeField(allow_null=True)
