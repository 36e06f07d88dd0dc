"""From fields to the numbers a model learns from. One module a kind of feature; `Encoder` puts them together.

What may arrive at scoring, and what is done with it: an unseen answer counts as "none of the known ones" and takes the average
effect; a missing field counts as blank; extra fields are ignored; a value that does not fit its field's type counts as blank;
the order of fields and records does not matter; no records give no scores.
"""

from einstein.ml.features.encoder import Encoder, read_columns

__all__ = ["Encoder", "read_columns"]
