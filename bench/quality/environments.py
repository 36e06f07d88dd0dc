"""Each rival in a virtual environment of its own, made when it is first needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
HOME = HERE.parent.parent / "var" / "bench"


@dataclass(frozen=True)
class Engine:
    """A rival: its script, its version as kept with its results, and what pip has to install."""

    name: str
    version: str
    packages: tuple[str, ...] = ()
    system: str = ""

    @property
    def script(self) -> Path:
        return HERE / "engines" / f"{self.name}.py"

    @property
    def is_ours(self) -> bool:
        return self.name == "einstein"


ENGINES = [
    Engine("einstein", "worktree"),
    Engine("flaml_raw", "2.7.0"),  # runs in the project's own environment, on its pinned FLAML
    Engine("autogluon", "1.5.0", ("autogluon.tabular[lightgbm,xgboost,catboost,fastai]==1.5.0",)),
    Engine("h2o_automl", "3.46.0.9", ("h2o==3.46.0.9", "pandas<3", "setuptools<81"), "default-jre-headless"),
]


def python_of(engine: Engine) -> str:
    """The interpreter that runs the engine's script."""
    if not engine.packages:
        return sys.executable
    home = HOME / f"{engine.name}-{engine.version}"
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", *engine.packages], check=True)
        if engine.system and not shutil.which("java"):
            subprocess.run(["apt-get", "install", "-y", "-qq", engine.system], check=True, stdout=subprocess.DEVNULL)
        (home / "ready").touch()
    return str(home / "bin" / "python")
