"""Changes over a film that need another compiled UNet."""

import pytest
from PIL import Image as Pillow

from animator import loads, timeline
from animator.timeline.advice import compile_variants
from animator.timeline.compile import scene_advice

LORA = "model: {few_steps: none, loras: {f: {file: nano-few-steps}}}\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (
            "painting: {strength: {0: 0.3, 5: 0.8}, seed: {behavior: iter}}\nprompts: {at: {0: a, 3: b}, travel: 2}",
            1,
        ),
        (LORA + "loras: {f: 0.7}", 1),
        (LORA + "loras: {f: {0: 0, 5: 1}}", 6),
        (LORA + "loras: {f: {0: 0, 5: 1}}\ncadence: 5", 2),
        (LORA + "loras: {f: {scale: 1, blocks: {up: {0: 0, 5: 1}}}}", 6),
        ("painting: {freeu: {0: 0, 5: 1}}", 6),
        ("painting: {guidance_scale: '6 if t < 3 else 1'}", 2),
        ("painting: {guidance_scale: {0: 2, 5: 8}}", 1),
        ("ip_adapter: {a: {file: a.png, scale: {0: 0, 5: 1}}}", 6),
    ],
)
def test_only_scales_in_the_unet_and_guidance_on_or_off_count(tmp_path, text, count):
    Pillow.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert compile_variants(timeline(loads(f"video: {{frames: 6}}\n{text}", tmp_path))) == count


def test_repeated_compilation_gives_a_note_only_with_compile_on():
    film = "video: {frames: 6}\nmodel: {compile: COMPILE}\npainting: {freeu: {0: 0, 5: 1}}"
    reports = {
        word: [str(note) for note in scene_advice(loads(film.replace("COMPILE", word)))]
        for word in ("on", "auto", "off")
    }
    assert [
        "model.compile: the UNet is compiled 6 times, once for each" in note for note in reports["on"]
    ] == [True]
    assert reports["auto"] == reports["off"] == []
