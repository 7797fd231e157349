"""Write the generated parts of the documentation: `make docs`."""

import re
from pathlib import Path

import draw

from animator.models import families, samplers
from animator.scene.schema import settings_table
from animator.training.settings import TrainingSettings

PAGE, SAMPLERS, TRAINING = (
    Path(__file__).with_name(name) for name in ("schedule.md", "samplers.md", "training.md")
)
NAMES = ", ".join(samplers.SAMPLER_NAMES)


def sampler_table() -> str:
    """Return the table of samplers with their diffusers schedulers and options."""
    rows = []
    for sampler in map(samplers.find_sampler, samplers.SAMPLER_NAMES):
        options = {**sampler.options, **samplers.SCHEDULES[sampler.schedule]}
        given = ", ".join(f"`{name}={value}`" for name, value in options.items())
        rows.append(f"| {sampler.name} | `{sampler.scheduler}` | {given} |")
    return "\n".join(["| sampler | in diffusers | with |", "|---|---|---|", *rows])


def few_steps_table() -> str:
    """Return the table of few-step models and their default settings."""
    rows = [
        f"| {kind.name} | {' or '.join(kind.samplers)} | `{kind.schedule}` | {kind.steps} | {kind.guidance:g} |"
        for kind in families.FEW_STEP_RECIPES.values()
    ]
    head = ["| kind | sampler | schedule | steps | `guidance_scale` at most |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def main() -> None:
    written = {
        "settings": settings_table(),
        "samplers": NAMES,
        "sampler-table": sampler_table(),
        "few-steps": few_steps_table(),
    }
    draw.draw(fill(PAGE, written))
    fill(SAMPLERS, written)
    fill(TRAINING, {"training": settings_table(TrainingSettings)})


def fill(page: Path, contents: dict[str, str]) -> str:
    """Write each content between the page's markers of its name; return the page's text."""
    text = page.read_text(encoding="utf8")
    for name, content in contents.items():
        whole = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, whole=whole: whole, text, flags=re.S)
    page.write_text(text, encoding="utf8")
    return text


if __name__ == "__main__":
    main()
