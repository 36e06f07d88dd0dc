"""Template tags that put numbers, times and states into the product's words."""
from django import template
register = template.Library()
