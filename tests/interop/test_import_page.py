"""The page on importing shows what importing gives."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/import.md").read_text(encoding="utf8")


def test_the_example_on_the_page_is_what_comes_out(imported):
    settings, schedule = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.S)[1] for kind in ("json", "yaml"))
    assert imported(settings).text.partition("\n")[2] == schedule


def test_the_camera_on_the_page_is_one(imported):
    camera = re.findall(r"```json\n(.*?)```", PAGE, re.S)[1]
    assert len(imported(camera).frames) == 1
