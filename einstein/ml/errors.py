"""The one error of the library: a sentence that says what is wrong and what mends it."""


class DataProblem(Exception):
    """The data (or a file) cannot be used as it is. `str(error)` is a sentence for the person who sent it."""
