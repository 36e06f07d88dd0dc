"""Data in and scores out, against what the databases themselves can do."""
