"""Every bad file through the browser: a clear message or a usable dataset, never an error page, never a stuck run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.e2e.clicks import Clicker, sign_up
from tests.e2e.conftest import DATA
from tests.e2e.stack import wait_for

FOLDER = Path(os.environ.get("HOSTILE_DATA", DATA / "hostile"))
EXTRA = {
    "wide_5000_columns.csv": lambda: (
        ",".join(f"c{i}" for i in range(5000)) + "\n" + (",".join("1" * 5000) + "\n") * 30
    ).encode()
}


def test_every_hostile_file_ends_in_a_message_or_a_dataset_and_the_app_still_works(stack, page, tmp_path):
    sign_up(stack, Clicker(page), "Hanna", "Hostile", "hanna@hostile.example")
    home = page.url
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status))
    files = sorted(FOLDER.iterdir())
    for name, make in EXTRA.items():
        if not (FOLDER / name).exists():
            files.append(tmp_path / name)
            files[-1].write_bytes(make())
    assert len(files) >= 26
    arrived = [(file, upload(page, home, file)) for file in files]  # while one is read the next is uploaded
    for file, answer in arrived:
        outcome = ended(page, file, answer)
        print(f"{file.name}: {outcome}")
        assert outcome
    assert not [status for status in answers if status >= 500]
    assert stack.sql(
        "SELECT count(*) FROM runs_run WHERE kind = 'ingest' AND state IN ('queued', 'dispatched', 'running')"
    ) == [(0,)]
    good = DATA / "telco_small.csv"
    assert ended(page, good, upload(page, home, good)).startswith("dataset: 1,600 records")


def upload(page, home: str, file: Path) -> str:
    """The refusal that the person sees at once, or the address of the new dataset."""
    page.goto(home + "datasets/")
    page.set_input_files("input[type=file]", file)
    wait_for(
        lambda: page.locator("[data-words].field-error").count() or re.search(r"/datasets/\d+/$", page.url),
        30,
        f"{file.name} to arrive",
    )
    if page.locator("[data-words].field-error").count():
        return "refused: " + page.inner_text("[data-words].field-error")
    return page.url


def ended(page, file: Path, answer: str) -> str:
    """What the person sees at the end."""
    if answer.startswith("refused: "):
        return answer
    page.goto(answer)

    def outcome() -> str:
        if page.locator(".notice.bad b").count():
            return "message: " + page.inner_text(".notice.bad b")
        if page.locator("#f").count():
            return "dataset: " + page.inner_text(".page-title p")
        page.wait_for_timeout(250)
        return ""

    return wait_for(outcome, 60, f"{file.name} to end")
