"""REST bodies of scoring."""

from rest_framework import serializers


class ScoreRequest(serializers.Serializer):
    """Up to 200 records, each an object of field names and values (DEFAULTS: 200 records a call)."""

    records = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=200)
    reasons = serializers.IntegerField(min_value=0, max_value=10, default=3)


class Reason(serializers.Serializer):
    field = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    direction = serializers.ChoiceField(choices=["raises", "lowers"])
    size = serializers.CharField(allow_blank=True)
    words = serializers.CharField()


class ScoreAnswer(serializers.Serializer):
    """One score. `score` is a probability from 0 to 1, or the predicted number."""

    key = serializers.CharField(allow_null=True)
    score = serializers.FloatField()
    predicted = serializers.CharField()
    band = serializers.ChoiceField(choices=["high", "medium", "low"])
    reasons = Reason(many=True)
    as_of = serializers.DateTimeField()
    model_version = serializers.IntegerField()
    stale = serializers.BooleanField()


class ScoresAnswer(serializers.Serializer):
    scores = ScoreAnswer(many=True)
