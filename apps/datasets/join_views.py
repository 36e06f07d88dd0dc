"""Pages that add what related records tell: pick a related dataset, choose what is taken, change or remove it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.datasets.enrich import MOST_JOINS, make_enriched, set_joins
from apps.datasets.forms import JoinForm
from apps.datasets.joins import Join
from apps.datasets.models import Dataset, Enrichment, Field
from apps.datasets.relations import Relation, joinable, relation_between, relations_of
from apps.workspaces.access import builder

OTHERS_SHOWN = 200


@builder
def related(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Datasets with records that belong to this one's, those that are joined already, and the others."""
    base, made = _base_of(dataset_id)
    joined = _joins(made)
    relations = [each for each in relations_of(base) if each.dataset.id not in joined]
    known = {each.dataset.id for each in relations} | joined.keys()
    context = _context(base, made) | {
        "relations": relations, "joined": joined.values(), "others": joinable(base).exclude(id__in=known).order_by("name")[:OTHERS_SHOWN],
    }  # fmt: skip
    return render(request, "datasets/joins/related.html", context)


@builder
def join(request: HttpRequest, dataset_id: int, related_id: int) -> HttpResponse:
    """What of a related dataset is taken, and how it belongs to the base."""
    base, made = _base_of(dataset_id)
    other = get_object_or_404(joinable(base), id=related_id)
    if not base.key_field:
        raise Http404
    known, relation = _joins(made).get(related_id), relation_between(base, other)
    fields = [list(Field.objects.filter(dataset=each)) for each in (base, other)]
    form = JoinForm(base, fields[0], other, fields[1], request.POST or None, initial=_initial(known, relation, made))
    if request.method == "POST" and form.is_valid():
        return redirect("dataset", request.workspace.slug, _save(request, base, made, form))
    context = _context(base, made) | {
        "other": other, "form": form, "relation": relation, "rows": _rows(form, fields[1]), "again": known is not None,
    }  # fmt: skip
    return render(request, "datasets/joins/join.html", context)


@builder
@require_POST
def remove(request: HttpRequest, dataset_id: int, related_id: int) -> HttpResponse:
    """Take a related dataset out again; the last one stays, for without it there is nothing to make."""
    made = get_object_or_404(Enrichment.objects.select_related("base", "dataset"), dataset_id=dataset_id)
    staying = [each for number, each in _joins(made).items() if number != related_id]
    if staying and len(staying) < len(made.joins):
        set_joins(made, staying, made.reference_field, request.user)
    elif not staying:
        messages.error(request, "This is the only one. Delete the dataset if you no longer need it.", extra_tags="warn")
    return redirect("related_datasets", request.workspace.slug, dataset_id)


def _base_of(dataset_id: int) -> tuple[Dataset, Enrichment | None]:
    """The dataset whose records are enriched, and what it is made by when the page is about a made one."""
    dataset = get_object_or_404(Dataset, id=dataset_id)
    made = Enrichment.objects.select_related("base", "dataset").filter(dataset=dataset).first()
    return (made.base if made else dataset), made


def _joins(made: Enrichment | None) -> dict[int, Join]:
    return {facts["related"]: Join.from_json(facts) for facts in made.joins} if made else {}


def _save(request: HttpRequest, base: Dataset, made: Enrichment | None, form: JoinForm) -> int:
    """Keep the join; returns the id of the dataset that is made."""
    joins = _joins(made)
    if form.related.id not in joins and len(joins) >= MOST_JOINS:
        messages.error(
            request, f"{MOST_JOINS} related datasets is the limit. Take another one out first.", extra_tags="warn"
        )
        return made.dataset_id if made else base.id
    known = joins.get(form.related.id)
    joins[form.related.id] = form.join(known.label if known else "")
    if made is None:
        return make_enriched(base, list(joins.values()), form.cleaned_data["reference"], request.user).dataset_id
    set_joins(made, list(joins.values()), form.cleaned_data["reference"], request.user)
    return made.dataset_id


def _initial(known: Join | None, relation: Relation | None, made: Enrichment | None) -> dict[str, Any]:
    proposed = known or (relation.join if relation else None)
    reference = made.reference_field if made else relation.reference_field if relation else ""
    return (proposed.to_json() if proposed else {"windows": [0], "count": True, "since_last": True}) | {
        "reference": reference
    }


def _rows(form: JoinForm, fields: list[Field]) -> list[dict[str, Any]]:
    """Each field of the related dataset with what of it can be ticked, and is."""
    ticked = {name: set(form[name].value() or []) for name in ("sums", "means", "latest")}
    able = {name for name, _ in form.fields["sums"].choices}
    return [
        {"field": item, "able": item.name in able, **{name: item.name in chosen for name, chosen in ticked.items()}}
        for item in fields
    ]


def _context(base: Dataset, made: Enrichment | None) -> dict[str, Any]:
    dataset = made.dataset if made else base
    return {
        "section": "datasets",
        "base": base,
        "made": made,
        "dataset": dataset,
    }
