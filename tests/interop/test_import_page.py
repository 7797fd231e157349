"""The examples in docs/import.md match the results of importing them."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/import.md").read_text(encoding="utf8")


def test_the_example_on_the_page_matches_its_import(imported):
    settings, schedule = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.S)[1] for kind in ("json", "yaml"))
    assert imported(settings).text.partition("\n")[2] == schedule


def test_the_camera_path_on_the_page_can_be_imported(imported):
    camera = re.findall(r"```json\n(.*?)```", PAGE, re.S)[1]
    assert len(imported(camera).frames) == 1
