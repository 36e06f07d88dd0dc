"""Reading files as people send them into one table of strings, with every row that could not be read named."""

from einstein.ml.reader.table import ReadReport, read_frame, read_to_parquet

__all__ = ["ReadReport", "read_frame", "read_to_parquet"]
