"""Training settings: one definition for file, options and page; mistakes are reported with their place."""

import re
import shlex
from pathlib import Path

import pytest

from animator import SceneError
from animator.cli import main
from animator.scene.schema import settings_table
from animator.training.settings import TrainingSettings, read_settings

ROOT = Path(__file__).parents[2]


def written(tmp_path, text):
    (tmp_path / "train.yaml").write_text(text)
    return tmp_path / "train.yaml"


def test_options_override_the_file_and_the_file_overrides_defaults(tmp_path):
    file = written(tmp_path, "token: oue mug\nlearning: {steps: 300, rate: 1e-3}\n")
    found = read_settings(file, ["learning.steps=20", "class=mug"])
    assert (found.token, found.kind, found.learning.steps, found.learning.rate) == (
        "oue mug",
        "mug",
        20,
        1e-3,
    )
    assert found.resolution == 256 and read_settings(file, ["model.base=a/b"]).resolution == 1024


def test_a_base_model_beside_the_file_is_found_from_anywhere(tmp_path):
    (tmp_path / "sdxl").mkdir()
    assert read_settings(written(tmp_path, "token: a\nmodel: {base: sdxl}\n")).model.base == str(
        tmp_path / "sdxl"
    )
    assert read_settings(written(tmp_path, "token: a\nmodel: {base: nano}\n")).model.base == "nano"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "token: a\nlearning: {steps: 0}\n",
            "train.yaml:2:19: learning.steps: 0: input should be greater than",
        ),
        (
            "token: a\nlearning:\n  stepz: 3\n",
            "train.yaml:3:3: learning.stepz: no such setting; did you mean 'steps'?",
        ),
        ("learning: {steps: 3}\n", "train.yaml:1:1: token: must be given"),
        (
            "token: a\nfile: {format: ckpt}\n",
            "train.yaml:2:16: file.format: 'ckpt' is not known; allowed: 'diffusers'",
        ),
        (
            "token: a\nprior: {pictures: 5}\n",
            "train.yaml:2:19: prior.pictures: the class of the images is missing",
        ),
        (
            "token: a\nlearning: {steps: 5, warmup: 5}\n",
            "learning.warmup: 5 of 5 steps: the full rate is never",
        ),
        ("token: a\nklass: b\n", "train.yaml:2:1: klass: no such setting; did you mean 'class'?"),
        ("token: a\ndata: {resolution: 100}\n", "train.yaml:2:20: data.resolution"),
    ],
)
def test_a_mistake_is_reported_with_line_column_and_what_is_allowed(tmp_path, text, message):
    with pytest.raises(SceneError) as caught:
        read_settings(written(tmp_path, text))
    assert message in str(caught.value)


def test_the_table_on_the_page_matches_the_code():
    page = (ROOT / "docs/training.md").read_text(encoding="utf8")
    assert page.partition("<!-- training -->\n")[2].partition("\n<!-- /training -->")[0] == settings_table(
        TrainingSettings
    )


def test_the_commands_and_the_settings_file_on_the_page_are_valid(tmp_path):
    page = (ROOT / "docs/training.md").read_text(encoding="utf8")
    [text] = re.findall(r"```text\n(.*?)```", page, re.S)
    assert (
        read_settings(written(tmp_path, text), ["token=oue scooter", "class=scooter"]).prior.pictures == 100
    )
    [commands] = re.findall(r"```bash\n(.*?)```", page, re.S)
    for line in commands.splitlines():
        name, *words = shlex.split(line, comments=True)[1:]
        context = main.get_command(None, name).make_context(name, words)
        assert context.params["token"] == "oue scooter"
    for option in re.findall(r"`(--[a-z-]+)", page.partition("## What it does")[0]):
        assert any(option in parameter.opts for parameter in main.get_command(None, "train").params), option


def test_check_reports_on_photos_token_and_cost_and_writes_a_sheet(
    folder, checkpoint, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", str(folder), "--check", "--token", "box", "--class", "box", "--set", f"model.base={checkpoint}",
              "--set", "data.resolution=64"])  # fmt: skip
        raise SystemExit(0)
    message = capsys.readouterr().out
    assert ended.value.code == 0
    assert "images: 5" in message and "trainable parameters" in message and "the class alone" in message
    assert (
        "images to be learnt: pictures.check.png" in message and (tmp_path / "pictures.check.png").is_file()
    )


def test_a_training_without_a_file_to_write_is_refused(folder, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", str(folder), "--token", "oue"])
    assert ended.value.code == 2 and "-o" in capsys.readouterr().err
