"""Widgets show scores: one that was asked many times in a row and showed none is broken on the page that holds it."""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding
from einstein.web.templatetags.words import plural

MOST_REFUSED = 10  # times in a row: a page left open overnight asks once or twice with an old token
WHY = {
    "old": "The page asks with tokens that are too old: it keeps them, or the clock of the server that makes them is wrong.",
    "origin": "The page lies at an address that the widget does not know.",
    "record": "The page asks for records that have no score: it may name them by another field than the key.",
}
MEND = {
    "old": "have the page ask for a fresh token each time it opens, and set its server's clock.",
    "origin": "add the page's address to the widget, if it is yours.",
    "record": "see which field names the records of the dataset, and have the page send that.",
}


def judge(facts: Facts) -> Finding:
    if not facts.widgets:
        return Finding(None, "No widget is in use.")
    broken = sorted((one for one in facts.widgets if one["refusals"] >= MOST_REFUSED), key=lambda one: -one["refusals"])
    if not broken:
        shown = len(facts.widgets)
        return Finding(False, f"{shown} {plural('widget', shown)} in use, none refused time and again.")
    worst = broken[0]
    what = f"The widget {worst['name']} was asked {worst['refusals']:,} times in a row and showed no score."
    answers = {
        "what": what, "since": facts.local(worst["since"]), "why": WHY[worst["fault"]], "affects": f"Whoever looks at the page sees no score of the {facts.noun}.",
        "todo": [["On the page that holds it,", MEND[worst["fault"]]]],
    }  # fmt: skip
    return Finding(True, what, "warning", f"{facts.name}: a widget shows no scores", answers)


CHECK = Check("widgets_show", "Widgets show scores", 11, judge, todo="deliveries")
