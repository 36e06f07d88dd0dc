"""Third-party assets are served from the packages they are installed with; none is copied into this repository."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage


def _package(name: str) -> Path:
    return Path(find_spec(name).submodule_search_locations[0])


ASSETS = {
    "packaged/figtree.ttf": _package("fontpkg_figtree") / "files" / "Figtree[wght].ttf",
    "packaged/plotly.min.js": _package("plotly") / "package_data" / "plotly.min.js",
}


class OneFileStorage(FileSystemStorage):
    """A storage that shows a single packaged file under the name our pages use."""

    prefix = ""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(location=str(path.parent))
        self.shown, self.file = name, path

    def path(self, name: str) -> str:
        return str(self.file)


class PackagedAssetsFinder(BaseFinder):
    """Finds `packaged/...` in the installed packages."""

    def check(self, **kwargs: Any) -> list:
        return []

    def find(self, path: str, find_all: bool = False) -> str | list[str]:
        found = ASSETS.get(path)
        if found is None:
            return []
        return [str(found)] if find_all else str(found)

    def list(self, ignore_patterns: list[str] | None) -> Iterator[tuple[str, OneFileStorage]]:
        for name, path in ASSETS.items():
            yield name, OneFileStorage(name, path)
