"""The house stays a house: rooms, doors, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "animator"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Leaves first. A room may import those in front of it, and itself.
ROOMS = [
    *("errors", "events", "frame", "affine", "pose", "samplers", "few_steps", "cost", "native"),
    *("nano", "ffmpeg", "codecs"),
    *("emphasis", "lora_words", "lora_file"),
    *("audio", "scene", "timeline", "pixels", "diffusion"),
    *(
        "render",
        "output",
        "grading",
        "masking",
        "controlling",
        "leading",
        "footage",
        "upscaling",
        "residing",
        "whereabouts",
        "cameras",
        "painters",
        "studio",
    ),
    *("lineage", "continuity", "shoot", "placing", "delivering", "branching", "stills", "variants"),
    *("exchange", "bench", "measuring", "rehearsal", "train"),
    *("progress", "tables", "reporting", "plot", "pages", "notebook", "cli", "nano.*", "__init__"),
]
TORCH = ("diffusion", "train", "nano.*")
WRITERS = ("output/", "train/", "nano/", "diffusion/single_file.py")
PRINTERS = ("cli/", "progress.py", "reporting.py", "nano/train.py", "nano/evaluate.py")  # programs


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(module: str) -> str:
    """The room of a dotted module name inside the package; nano's weights are a leaf, its tools an edge."""
    parts = [part for part in module.split(".") if part != "__init__"]
    if parts[:1] == ["nano"]:
        return "nano" if len(parts) == 1 else "nano.*"
    return parts[0] if parts else "__init__"


def imports(path: Path) -> set[str]:
    """Every module that `path` imports, wherever in the file, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_only_point_down(path):
    here = room(name(path).removesuffix(".py").replace("/", "."))
    below = ROOMS[: ROOMS.index(here) + 1]
    wanted = {
        room(module.removeprefix("animator."))
        for module in imports(path)
        if module.startswith("animator.") and module.removeprefix("animator.").split(".")[0] in _rooms()
    }
    assert wanted <= set(below)


def _rooms() -> set[str]:
    return {path.stem for path in PACKAGE.iterdir()}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_painters_know_torch(path):
    here = room(name(path).removesuffix(".py").replace("/", "."))
    roots = {module.split(".")[0] for module in imports(path)}
    assert here in TORCH or not roots & {"torch", "diffusers", "transformers", "peft", "compel"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_rooms_of_results_open_files_for_writing(path):
    writes = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "imwrite", "save_file"}
    tree = ast.parse(path.read_text(encoding="utf8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used = {call.attr for call in calls if isinstance(call, ast.Attribute)} & writes
    if name(path) in ("rehearsal.py", "pages/write.py"):
        used -= {"mkdir"}  # the folder of a preview, which output/ writes
    assert name(path).startswith(WRITERS) or not used


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


def test_every_public_name_is_exported_and_sorted():
    import animator

    assert animator.__all__ == sorted(animator.__all__)
    assert all(hasattr(animator, public) for public in animator.__all__)
