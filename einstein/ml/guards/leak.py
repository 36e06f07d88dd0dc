"""Fields that predict too well by themselves: copies, recodings and noisy copies of the outcome."""

from __future__ import annotations

from collections.abc import Iterable

from einstein.ml.guards.base import Finding, Guard, Subject
from einstein.ml.schema import FieldSpec
from einstein.ml.types.base import words_of

CERTAIN = {"binary": 0.99, "multiclass": 0.99, "regression": 0.95}
SUSPICIOUS = {"binary": 0.90, "multiclass": 0.95, "regression": 0.90}
AHEAD_LIFT, AHEAD_TIMES = 0.55, 1.5  # strong, and this many times the next field
NAMED_LIFT = 0.30  # enough where the name says that it comes afterwards
# Words of fields that are usually known only when the matter is over.
AFTERWARDS = frozenset(
    [
        "duration",
        "closed",
        "closing",
        "cancelled",
        "canceled",
        "cancellation",
        "churned",
        "churn",
        "ended",
        "exit",
        "termination",
        "terminated",
        "resolved",
        "resolution",
        "settled",
        "settlement",
        "refund",
        "refunded",
        "writeoff",
        "outcome",
        "result",
        "final",
        "actual",
        "won",
        "lost",
        "reason",
        "left",
        "leaving",
        "converted",
        "repaid",
        "default",
        "dauer",
        "beendet",
        "kuendigung",
        "gekuendigt",
        "ergebnis",
        "abgeschlossen",
        "duree",
        "resiliation",
        "resultat",
        "cierre",
        "duracion",
        "resultado",
    ]
)


class Leak(Guard):
    name, title, order = "leak", "Gives the outcome away", 30
    source = "TransmogrifAI correlation 0.95; DataRobot certain at 0.975 (Gini), asks at AUC 0.85; H2O asks at 0.95"

    def look(self, subject: Subject) -> Iterable[Finding]:
        task = subject.outcome.task
        ordered = sorted(subject.fields, key=lambda item: -subject.strengths[item[0].name])
        for spec, _ in ordered:
            strength = subject.strengths[spec.name]
            if strength >= CERTAIN[task]:
                reason = f"It gives {subject.outcome.field} away almost always by itself. It was probably filled in afterwards."
                yield Finding(spec.name, "leak", True, reason, strength)
            elif strength >= SUSPICIOUS[task]:
                reason = f"It alone says nearly everything about {subject.outcome.field}. Keep it only if you know it before the outcome."
                yield Finding(spec.name, "suspicious", False, reason, strength)
            elif reason := _doubt(spec, strength, subject):
                yield Finding(spec.name, "suspicious", False, reason, strength)


def _doubt(spec: FieldSpec, strength: float, subject: Subject) -> str:
    lift, rest = subject.lift(strength), subject.rest(spec.name)
    named = words_of(spec.name) & AFTERWARDS
    if named and lift >= NAMED_LIFT and lift > rest:
        return f"It says more about {subject.outcome.field} than any other field, and its name ({', '.join(sorted(named))}) sounds like something known only afterwards. Keep it only if you know it before."
    if lift >= AHEAD_LIFT and lift >= AHEAD_TIMES * rest:
        return f"It alone says far more about {subject.outcome.field} than any other field. Keep it only if you know it before the outcome."
    return ""


GUARD = Leak()
