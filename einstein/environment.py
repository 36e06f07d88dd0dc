"""Where settings come from: environment variables, or for each a file that `NAME_FILE` names, as secrets are handed to containers and units."""

import environ
from environ.fileaware_mapping import FileAwareMapping


class Variables(FileAwareMapping):
    """The environment and the files it names, without the line end that editors leave in a file."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name).strip()


class Environment(environ.Env):
    ENVIRON = Variables()
