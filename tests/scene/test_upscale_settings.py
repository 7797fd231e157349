"""Upscaling and interpolation settings of a schedule file."""

from importlib.util import find_spec

import pytest

from animator import SceneError, loads, timeline
from animator.render import upscale
from animator.scene.resolve import to_yaml


def problem(text, folder="."):
    with pytest.raises(SceneError) as caught:
        loads(text, folder)
    return str(caught.value)


def test_a_method_or_a_factor_is_short_for_the_section():
    for text, by, factor in (
        ("2", "lanczos", 2),
        ("second-pass", "second-pass", 2),
        ("{factor: 1.5}", "lanczos", 1.5),
    ):
        upscale = loads(f"output: {{upscale: {text}}}").settings.output.upscale
        assert (upscale.by, upscale.factor) == (by, factor)
    assert loads("{}").settings.output.upscale is None


def test_the_strength_of_the_second_pass_is_a_curve():
    scene = loads("video: {frames: 3}\noutput: {upscale: {by: second-pass, strength: {0: 0.1, 2: 0.5}}}")
    assert [frame.upscale.strength for frame in timeline(scene)] == pytest.approx([0.1, 0.3, 0.5])
    assert timeline(loads("output: {upscale: 2}"))[0].upscale.strength == 0


def test_the_video_has_even_sides():
    assert upscale.output_size(loads("video: {size: 98x66}\noutput: {upscale: 1.5}")) == (148, 100)


@pytest.mark.skipif(find_spec("spandrel") is not None, reason="spandrel is here")
def test_a_missing_library_is_reported_with_the_install_command(tmp_path):
    (tmp_path / "4x.safetensors").touch()
    message = (
        "output.upscale.by: this file needs spandrel, which is not installed: pip install 'animator[upscale]'"
    )
    assert problem("output: {upscale: 4x.safetensors}", tmp_path).endswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{upscale: lanzcos}",
            "'lanzcos' is not an upscaling method; known: lanczos, second-pass, or a .safetensors file",
        ),
        ("{upscale: 4x.pth}", "files of other kinds can run code"),
        ("{upscale: none.safetensors}", "output.upscale.by: no such file"),
        ("{upscale: {factor: 9}}", "output.upscale.factor: 9: input should be less than or equal to 8"),
        ("{upscale: {factr: 2}}", "output.upscale.factr: no such setting; did you mean 'factor'?"),
        ("{upscale: {by: second-pass, strength: 2}}", "output.upscale.strength: 2 at frame 0; allowed 0..1"),
        ("{upscale: true}", "True is not a group of settings; known: by, factor, tile, strength"),
        ("{interpolate: 9}", "output.interpolate"),
        ("{interpolate: 1.5}", "1.5 is not a whole number"),
    ],
)
def test_each_problem_is_one_line(tmp_path, text, message):
    found = problem(f"output: {text}", tmp_path)
    assert message in found
    assert "\n" not in found


def test_a_too_large_video_is_reported():
    text = "video: {size: 2048x1024}\noutput: {upscale: 8}"
    assert "the video would be 16384x8192 pixels; at most 8192 per side" in problem(text)


@pytest.mark.skipif(find_spec("spandrel") is None, reason="needs the extra `upscale`")
def test_a_resolved_file_names_the_network_by_its_absolute_path(tmp_path):
    (tmp_path / "4x.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    scene = loads("output: {upscale: {by: 4x.safetensors, tile: 256}, interpolate: 3}", tmp_path)
    again = loads(to_yaml(scene), "/").settings.output
    assert again.upscale.by == str(tmp_path / "4x.safetensors")
    assert (again.upscale.tile, again.interpolate) == (256, 3)


@pytest.mark.skipif(find_spec("spandrel") is None, reason="needs the extra `upscale`")
def test_a_broken_file_is_reported_before_anything_is_loaded(tmp_path):
    (tmp_path / "4x.safetensors").touch()
    assert problem("output: {upscale: 4x.safetensors}", tmp_path).endswith(
        "4x.safetensors: not a .safetensors file: it is too short for a header"
    )
