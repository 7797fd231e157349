"""Write the generated parts of the documentation: `make docs`."""

import re
from pathlib import Path

import draw

from animator import samplers
from animator.scene.reference import table
from animator.train.settings import Settings

PAGE = Path(__file__).with_name("schedule.md")
TRAINING = Path(__file__).with_name("training.md")
NAMES = ", ".join(name if samplers.find(name).exact else f"{name} \\*" for name in samplers.NAMES)


def main() -> None:
    draw.draw(fill(PAGE, {"settings": table(), "samplers": NAMES}))
    fill(TRAINING, {"training": table(Settings)})


def fill(page: Path, contents: dict[str, str]) -> str:
    """Write each content between the markers of its name, and return the page's text."""
    text = page.read_text(encoding="utf8")
    for name, content in contents.items():
        whole = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, whole=whole: whole, text, flags=re.S)
    page.write_text(text, encoding="utf8")
    return text


if __name__ == "__main__":
    main()
