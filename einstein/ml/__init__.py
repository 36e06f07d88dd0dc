"""The machine-learning library of Einstein: read, profile, guard, train, evaluate, score, explain.

Pure Python on tables: it knows neither Django nor the rooms above. `python -m einstein.ml` is its command line.
"""
