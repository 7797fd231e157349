"""Write the generated parts of the documentation: `make docs`."""

import ast
import re
from pathlib import Path

import draw

from animator.models import families, samplers
from animator.scene.schema import settings_table
from animator.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]
PAGE, SAMPLERS, TRAINING, ARCHITECTURE = (
    Path(__file__).with_name(f"{name}.md") for name in ("schedule", "samplers", "training", "architecture")
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


def layers(page: str) -> list[str]:
    """Return the layers in the table of the architecture page, from low to high."""
    return re.findall(r"^\| `(\w+)` \|", page, flags=re.M)


def module_list(layers: list[str]) -> str:
    """Return one list of modules per layer and for nanolab, each with the first line of its docstring."""
    parts = []
    for name in layers:
        module = ROOT / "animator" / f"{name}.py"
        if module.exists():
            parts.append(f"### `animator/{module.name}`\n\n{summary(module)}")
        else:
            parts.append(package(ROOT / "animator" / name))
    return "\n\n".join([*parts, package(ROOT / "nanolab")])


def package(folder: Path) -> str:
    """Return the heading, summary and modules of a package; packages inside it follow its modules."""
    lines = [
        f"- `{path.name}`: {summary(path)}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"
    ]
    head = f"### `{folder.relative_to(ROOT).as_posix()}/`\n\n{summary(folder / '__init__.py')}"
    inner = [package(path.parent) for path in sorted(folder.glob("*/__init__.py"))]
    return "\n\n".join([head, *(["\n".join(lines)] if lines else []), *inner])


def summary(module: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(module.read_text(encoding="utf8"))) or "").partition("\n")[0]


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
    fill(ARCHITECTURE, {"modules": module_list(layers(ARCHITECTURE.read_text(encoding="utf8")))})


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
