"""The documentation agrees with the code."""

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from animator import load, loads, timeline
from animator.cli import main
from animator.models import families, samplers
from animator.scene.schema import settings_table
from animator.timeline.easing import EASINGS
from animator.timeline.expression_functions import FUNCTIONS, WHERE
from tests import films, lora_files
from tests.test_architecture import LAYERS
from tests.timeline.tracks import clicks, write

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf8") for page in PAGES)


def block(name: str) -> str:
    """Return the text between the markers `name` in the schedule page."""
    text = (ROOT / "docs/schedule.md").read_text(encoding="utf8")
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)[1].strip()


def test_the_table_of_settings_is_up_to_date():
    assert block("settings") == settings_table()  # `make docs` writes it


def test_the_list_of_modules_is_up_to_date_and_follows_the_layers(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    update = docs_module("update")
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf8")
    assert update.layers(page) == LAYERS
    assert update.module_list(LAYERS) in page  # `make docs` writes it
    modules = [*(ROOT / "animator").rglob("*.py"), *(ROOT / "nanolab").rglob("*.py")]
    assert all(update.summary(module) for module in modules)


def test_every_sampler_is_listed():
    assert block("samplers") == ", ".join(samplers.SAMPLER_NAMES)


def test_the_tables_of_samplers_are_up_to_date():
    page = (ROOT / "docs/samplers.md").read_text(encoding="utf8")
    for name in samplers.SAMPLER_NAMES:  # `make docs` writes them
        assert f"\n| {name} | `{samplers.find_sampler(name).scheduler}` |" in page
    for kind in families.FEW_STEP_RECIPES.values():
        assert f"\n| {kind.name} | {' or '.join(kind.samplers)} | `{kind.schedule}` |" in page
    assert all(f"`{schedule}`" in page for schedule in samplers.SCHEDULES)


def test_every_function_easing_and_command_is_documented():
    page = (ROOT / "docs/schedule.md").read_text(encoding="utf8")
    functions = set(re.search(r"\*\*Functions\*\*: `(.*?)`", page, re.S)[1].split())
    assert functions | {name.replace("-", "_") for name in EASINGS} == {*FUNCTIONS, WHERE}
    assert all(word in page for name in EASINGS for word in name.split("-"))
    assert all(f"animator {name}" in ALL for name in main.list_commands(None))


def test_every_schedule_and_preset_is_good():
    files = [*(ROOT / "schedules").glob("*.yaml"), *(ROOT / "presets").glob("*.yaml")]
    assert files
    for file in files:
        assert timeline(load(file))


# The examples of plugins.md need the packages that the page shows: tests/scene/test_plugins.py installs them.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "plugins.md"], ids=lambda page: page.name
)
def test_every_yaml_example_is_good(page, tmp_path):
    for name in ("oue_scooter", "marker_style"):
        lora_files.write(tmp_path / f"{name}.safetensors", lora_files.anyones())
    for name in ("sketch", "front", "side", "back"):
        Pillow.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    Pillow.new("RGBA", (4, 4)).save(tmp_path / "product.png")
    write(tmp_path / "track.mp3", clicks(120, 8)[0])
    films.write(tmp_path / "street.mp4", films.greys(20))
    for shots in re.findall(r"```csv\n(.*?)```", page.read_text(encoding="utf8"), re.S):
        (tmp_path / "shots.csv").write_text(shots)
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf8"), re.S):
        (tmp_path / "film.yaml").write_text(text)
        assert timeline(load(tmp_path / "film.yaml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf8")):
        assert (page.parent / target).exists(), target


def test_the_python_example_runs():
    scene = loads("video: {frames: 3, size: 64x64}")
    assert [frame.index for frame in timeline(scene)] == [0, 1, 2]


def commands(page):
    """Yield the arguments of each line of a page's bash blocks that begins with `animator`."""
    for text in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf8"), re.S):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("animator "):
                yield shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_is_one_that_the_program_understands(page):
    for words in commands(page):
        command, left = main, list(words)
        while isinstance(command, click.Group) and left and command.get_command(None, left[0]):
            command = command.get_command(None, left.pop(0))
        assert not isinstance(command, click.Group) or not left, words
        command.make_context(command.name, left)  # raises for an unknown option or argument


LITTLE = ["--set", "video.fps=4", "--set", "video.size=64x64", "--set", "painting.steps=2"]
LESS = {
    "demo": LITTLE,
    "render": LITTLE,
    "variants": LITTLE,
    "train": ["--set", "learning.steps=2", "--set", "data.resolution=64"],
}


def section(title):
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    return readme.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture
def run_lines(tmp_path, monkeypatch):
    """Return a function that runs a section's commands, small and short, and returns their names."""
    monkeypatch.chdir(tmp_path)

    def run(title):
        (tmp_path / "block.md").write_text(section(title))
        lines = [line for line in commands(tmp_path / "block.md") if "stabilityai" not in " ".join(line)]
        for line in lines:
            folder = [str(path) for path in sorted((tmp_path / "renders/film").glob("*/"))][:1]
            words = [folder[0] if word == "FOLDER" else word for word in line]
            # The machine may have no browser.
            words = [*words[:-1], "-o", "page.html"] if words[-1] == "--open" else words
            result = CliRunner().invoke(main, [*words, *LESS.get(words[0], [])])
            assert result.exit_code == 0, (words, result.output)
        return [line[0] for line in lines]

    return run


def test_the_first_film_and_the_commands_after_it_run(tmp_path, run_lines):
    sketch = ROOT / "schedules" / "pictures" / "bottle_sketch.png"
    shutil.copy(sketch, tmp_path / "sketch.png")
    (tmp_path / "photos").mkdir()
    for i in range(3):
        image = Pillow.open(sketch).rotate(5 * i, fillcolor="white")
        image.save(tmp_path / "photos" / f"{i}.png")
    first = re.search(r"```yaml\n(.*?)```", section("Your first film"), re.S)[1]
    (tmp_path / "film.yaml").write_text(first)
    assert run_lines("Your first film") == ["check", "preview", "render"]
    assert (tmp_path / "page.html").exists()
    assert len(list(tmp_path.glob("renders/film/*/video.mp4"))) == 1
    words = ["presets", "render", "render", "train", "render", "variants", "resume", "branch", "encode"]
    assert run_lines("More commands") == words
    assert len(list(tmp_path.glob("renders/concept-reveal/*/video.mp4"))) == 2
    assert len(list(tmp_path.glob("renders/film/*/video.mp4"))) == 2
    assert list(tmp_path.glob("renders/film/*/*.gif"))


def test_the_readme_is_short_and_shows_the_tree():
    lines = (ROOT / "README.md").read_text(encoding="utf8").splitlines()
    assert len(lines) <= 150
    tree = section("The package")
    for path in (ROOT / "animator").iterdir():
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists()):
            assert path.name in tree
    assert all(
        (ROOT / folder).is_dir() for folder in re.findall(r"(\w+)/ [·\n]", tree.partition("nanolab/")[2])
    )


GROUPS = {f"animator.{group}" for group in ("painters", "stages", "importers", "deliverables", "commands")}


def test_every_file_and_name_in_contributing_exists():
    code = "\n".join(path.read_text(encoding="utf8") for path in (ROOT / "animator").rglob("*.py"))
    text = re.sub(r"```.*?```", "", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8"), flags=re.S)
    for name in set(re.findall(r"`([^`]+)`", text)):
        if re.fullmatch(r"[\w./]+/[\w./]*|[\w]+\.md", name):
            assert (ROOT / name).exists(), name
        elif name not in GROUPS | {"uint8"} and not name.startswith(("make ", ".venv/")):
            assert re.search(rf"\b{re.escape(name)}\b", code), name


def docs_module(name):
    """Import a module of `docs/` by its path, since `docs` is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def test_the_drawing_of_every_example_shows_its_values():
    draw = docs_module("draw")
    page = (ROOT / "docs/schedule.md").read_text(encoding="utf8")
    examples = draw.examples(page)
    assert len(examples) == page.count("<!-- curve ") >= 20
    for example in examples:  # `make docs` draws them
        assert draw.drawn(example.image) == draw.fingerprint([values for values, _ in example.curves()])
        assert f"](curves/{example.image.name})" in page
    assert draw.drawn(draw.EASINGS_PICTURE) == draw.fingerprint(draw.easings())
    images = {example.image for example in examples} | {draw.EASINGS_PICTURE}
    assert set(draw.PICTURES.iterdir()) == images


def test_a_different_curve_gives_a_different_drawing():
    draw = docs_module("draw")
    text = (ROOT / "docs/schedule.md").read_text(encoding="utf8")
    example = draw.examples(text.replace("strength: 0.45}", "strength: 0.46}"))[0]
    assert draw.drawn(example.image) != draw.fingerprint([values for values, _ in example.curves()])
    assert draw.drawn(ROOT / "docs/curves/none.svg") is None


def test_a_drawn_key_lies_on_its_curve():
    example = next(example for example in docs_module("draw").examples(ALL) if example.name == "units")
    [(values, keys)] = example.curves()
    assert keys == [0, 12, 24, 38, 60, 95]
    assert values[keys].tolist() == [0, 2, 1, 3, -1, 0]
