"""Write the generated parts of the documentation: `make docs`."""

import re
from pathlib import Path

import draw

from animator import samplers
from animator.scene.reference import table

PAGE = Path(__file__).with_name("schedule.md")
NAMES = ", ".join(name if samplers.find(name).exact else f"{name} \\*" for name in samplers.NAMES)


def main() -> None:
    text = PAGE.read_text(encoding="utf8")
    for name, content in (("settings", table()), ("samplers", NAMES)):
        whole = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, whole=whole: whole, text, flags=re.S)
    PAGE.write_text(text, encoding="utf8")
    draw.draw(text)


if __name__ == "__main__":
    main()
