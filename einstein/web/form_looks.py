"""Gives every form control the class its component has, in one place, by Django's form renderer."""

from __future__ import annotations

from typing import Any

from django.forms.renderers import TemplatesSetting


class ComponentRenderer(TemplatesSetting):
    """Renders widgets with Django's own templates after adding our class."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        widget = context.get("widget")
        if widget and "attrs" in widget and widget.get("type") not in {"checkbox", "radio", "hidden", "file"}:
            kinds = {"checkbox_select": "checks", "select": "select", "textarea": "textarea"}
            kind = next((kind for part, kind in kinds.items() if part in template_name), "input")
            if "option" not in template_name:
                widget["attrs"].setdefault("class", kind)
        return super().render(template_name, context, request)
