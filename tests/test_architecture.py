"""The layout of the package: layers, the way imports point, and what only some packages may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "animator"
MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = [
    *(
        path
        for folder in ("animator", "nanolab", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ),
    *(ROOT / "docs").glob("*.py"),
]

# From low to high: a module may import its own package and the layers in front of it.
LAYERS = [
    *("errors", "frame", "models", "imaging", "product", "scene", "timeline", "diffusion"),
    *("render", "runs", "interop", "training", "viewer", "cli"),
]
TORCH = ("diffusion", "training")
WRITERS = ("runs/", "training/")
PRINTERS = ("cli/", "runs/events.py")  # programs, and the JSON lines of --events


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def layer(path: Path) -> str:
    """The layer of a file; the package's own `__init__` stands above all."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that `path` imports, wherever in the file, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_a_newcomer_can_hold_the_top_level_in_mind():
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")} - {
        "__init__",
        "__pycache__",
    }
    installed = {"presets", "schedules"}  # beside the code in a wheel
    assert names - installed == set(LAYERS)
    assert len(LAYERS) <= 14


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_only_point_down(path):
    here = layer(path)
    if here == "__init__":
        return
    below = LAYERS[: LAYERS.index(here) + 1]
    for module in imports(path):
        root, _, rest = module.partition(".")
        if root == "animator" and rest != "__version__":
            assert rest.split(".")[0] in below, module


def test_no_modules_import_each_other_in_a_circle():
    """Counts imports that run when a module is imported; those inside functions may point back within a package."""
    graph = {path: _imported_first(path) for path in MODULES}
    done, open_ = set(), []

    def visit(path):
        if path in open_:
            pytest.fail(" → ".join(name(p) for p in [*open_[open_.index(path) :], path]))
        if path not in done:
            open_.append(path)
            for other in sorted(graph[path]):
                visit(other)
            done.add(open_.pop())

    for path in MODULES:
        visit(path)


def _imported_first(path: Path) -> set[Path]:
    """The files of the package that are imported by the statements at the top of `path`."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "animator":
            found |= {file for alias in node.names if (file := _file(f"{node.module}.{alias.name}"))}
    return found - {path, PACKAGE / "__init__.py"}


def _file(dotted: str) -> Path | None:
    """The file of a dotted module name, or of the module that a dotted name is in."""
    for parts in (dotted.split("."), dotted.split(".")[:-1]):
        path = ROOT.joinpath(*parts)
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
    return None


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_diffusion_and_training_know_torch(path):
    roots = {module.split(".")[0] for module in imports(path)}
    assert layer(path) in TORCH or not roots & {"torch", "diffusers", "transformers", "peft", "compel"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_packages_of_results_open_files_for_writing(path):
    writes = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "imwrite", "save_file"}
    tree = ast.parse(path.read_text(encoding="utf8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used = {call.attr for call in calls if isinstance(call, ast.Attribute)} & writes
    if name(path) in ("viewer/preview.py", "viewer/html.py"):
        used -= {"mkdir"}  # the folder of a preview, which runs/ writes
    if name(path) == "diffusion/single_file.py":
        used -= {"mkdir", "write_bytes"}  # a checkpoint's configs in a temporary folder, for diffusers
    assert name(path).startswith(WRITERS) or not used


PROGRAMS = sorted(
    path for folder in ("nanolab", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", [*MODULES, *PROGRAMS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_guarded_reader_opens_images(path):
    """Pillow guesses the format of a file by its content, and runs some files as programs."""
    if path == PACKAGE / "imaging/io.py":
        return
    tree = ast.parse(path.read_text(encoding="utf8"))
    modules = {"PIL.Image", "imageio", "skimage.io", "cv2"}
    bound = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if {alias.name, f"{getattr(node, 'module', '')}.{alias.name}"} & modules
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("imread", "imreadmulti", "load_image"), node.lineno
            opens = node.attr == "open" and ast.unparse(node.value) in bound
            assert not opens, f"line {node.lineno}: use animator.imaging.io.open_image"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_programs_print(path):
    tree = ast.parse(path.read_text(encoding="utf8"))
    names = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert name(path).startswith(PRINTERS) or "print" not in names


@pytest.mark.parametrize(
    "statement",
    [
        "import animator",
        "import animator.cli; animator.cli.main(['--help'])",
        "import animator; animator.timeline(animator.loads('motion: {zoom: 1.01}'))",
    ],
)
def test_light_work_loads_no_heavy_library(statement):
    code = f"""
import sys
try:
    {statement}
except SystemExit:
    pass
heavy = {{"torch", "diffusers", "transformers", "cv2"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("path", sorted(CODE), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_docstring_begins_with_a_sentence_or_a_noun(path):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        text = ast.get_docstring(node) if isinstance(node, kinds) else None
        assert not re.match(r"(What|Where|How|Whether|The same)\b", text or "", re.I), text


# Nouns of the field that end as participles do.
NOUNS = {"easing", "grading", "imaging", "loading", "text_encoding", "training"}
PRONOUNS = {"it", "this", "that", "these", "those", "they", "other", "others", "what", "which", "who", "all"}


def test_no_module_is_named_by_a_participle_or_a_pronoun():
    names = {path.stem for path in MODULES + sorted((ROOT / "nanolab").glob("*.py"))}
    names |= {path.parent.name for path in MODULES}
    assert not {word for word in names - NOUNS if word.endswith(("ing", "ed")) or word in PRONOUNS}


# Files of one name, because they hold one topic in two layers.
TOPICS = {
    "adapters": ("diffusion training", "LoRAs used by a painter, and LoRAs being trained"),
    "backend": ("imaging diffusion/gpu", "the set of image operations on the CPU, and on the GPU"),
    "color": ("imaging diffusion/gpu", "the same mathematics in NumPy and in torch"),
    "convert": ("interop cli", "conversion of other programs' files, and its commands"),
    "deliverables": ("timeline runs", "the files a film is to have, and how they are made"),
    "filters": ("imaging diffusion/gpu", "the same filters in NumPy and in torch"),
    "masks": ("imaging render", "one mask as an image, and the masks of a film over time"),
    "metadata": ("runs interop", "texts written into images and videos, and read from them"),
    "painter": (
        "models render",
        "the interface that model families implement, and wrappers around a painter",
    ),
    "prompts": ("timeline interop", "our prompts, and those of other programs"),
    "render": ("runs cli", "rendering a run, and its commands"),
    "settings": ("scene training", "the settings of a schedule file, and those of a training"),
    "stills": ("runs cli", "stills and variants, and their commands"),
    "train": ("training cli", "a training, and its command"),
}


def test_two_files_have_one_name_only_for_one_topic_in_two_layers():
    folders = {}
    for path in MODULES:
        if path.stem != "__init__":
            folders.setdefault(path.stem, set()).add(path.parent.relative_to(PACKAGE).as_posix())
    assert {stem: found for stem, found in folders.items() if len(found) > 1} == {
        stem: set(where.split()) for stem, (where, _) in TOPICS.items()
    }


def test_every_public_name_is_exported_and_sorted():
    import animator

    assert animator.__all__ == sorted(animator.__all__)
    assert all(hasattr(animator, public) for public in animator.__all__)
