"""Facts about a LoRA file, from its header alone."""

import json
import struct
import subprocess
import sys

import pytest
from click.testing import CliRunner

from animator import ModelError
from animator.cli import main
from animator.models import nano
from animator.models.lora_file import TriggerWords, find_trigger_words, read_lora_info
from tests import lora_files


@pytest.mark.parametrize(
    ("keys", "weights", "rank"),
    [
        ("kohya", lora_files.kohya(rank=4), 4),
        ("diffusers", lora_files.diffusers(rank=8), 8),
        ("peft", lora_files.peft(rank=16), 16),
    ],
)
def test_rank_and_model_are_read_from_every_layout(tmp_path, keys, weights, rank):
    facts = read_lora_info(lora_files.write(tmp_path / "x.safetensors", weights))
    assert (facts.keys, facts.ranks, facts.base, facts.width) == (keys, (rank,), "SDXL", 2048)
    assert facts.layers["UNet"] == 1


@pytest.mark.parametrize(
    ("width", "base"), [(768, "SD 1.x"), (1024, "SD 2.x"), (2048, "SDXL"), (160, "nano"), (99, "a model with text embeddings of width 99")]
)  # fmt: skip
def test_the_base_model_is_detected_from_shapes_not_metadata(tmp_path, width, base):
    weights = lora_files.kohya(width)
    lie = {"ss_base_model_version": "sdxl_base_v1-0" if width != 2048 else "sd_v1"}
    assert read_lora_info(lora_files.write(tmp_path / "x.safetensors", weights, lie)).base.startswith(base)


def test_alphas_are_read_in_every_number_format(tmp_path):
    file = lora_files.write(tmp_path / "x.safetensors", lora_files.kohya(alpha=2.5))
    assert read_lora_info(file).alphas == (2.5,)
    header = {"lora_unet_a_to_q.lora_down.weight": {"dtype": "BF16", "shape": [1, 1], "data_offsets": [2, 4]},
              "lora_unet_a_to_q.alpha": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}}  # fmt: skip
    raw(tmp_path / "bf16.safetensors", header, struct.pack("<f", 16.0)[2:] + b"\0\0")
    assert read_lora_info(tmp_path / "bf16.safetensors").alphas == (16.0,)


def test_a_file_with_invalid_offsets_is_refused(tmp_path):
    for offsets in ([], [10**9, 0], ["0", "2"], None, [1, 3], [0, 4]):
        header = {"lora_unet_a_to_q.lora_down.weight": {"dtype": "F16", "shape": [1, 1], "data_offsets": [0, 2]},
                  "lora_unet_a_to_q.alpha": {"dtype": "F16", "shape": [], "data_offsets": offsets}}  # fmt: skip
        raw(tmp_path / "x.safetensors", header, b"\0\0")
        with pytest.raises(ModelError, match="x.safetensors: not a .safetensors file: ") as caught:
            read_lora_info(tmp_path / "x.safetensors")
        assert "\n" not in str(caught.value)


def raw(file, header, data=b""):
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_alpha_in_the_metadata_is_used_without_alpha_tensors(tmp_path):
    noted = {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 32, "unet.r": 8})}
    assert read_lora_info(
        lora_files.write(tmp_path / "x.safetensors", lora_files.diffusers(), noted)
    ).alphas == (32.0,)


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ({"modelspec.trigger_phrase": "oue scooter, studio"}, ("oue scooter", "studio")),
        (lora_files.notes(), ("oue scooter", "white background")),  # in 15 and 14 of 15 images, not in 4
        (lora_files.notes(ss_tag_frequency={}), ("oue scooter",)),  # from the folder's name
        ({}, ()),
        ({"ss_tag_frequency": "[1]", "ss_dataset_dirs": "{{"}, ()),
    ],
    ids=["named", "in nearly all captions", "the folder's", "none", "damaged"],
)
def test_trigger_words_are_found(noted, expected):
    assert find_trigger_words(noted).triggers == expected


def test_a_trigger_word_matches_whole_words_in_any_case():
    listening = TriggerWords(("oue scooter",))
    assert listening.used_in(["photo of an OUE scooter, night"])
    assert not listening.used_in(["photo of an oue scooters club", "scooter"])
    assert TriggerWords().used_in(["anything"])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"abc", b"\xff" * 9, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 4) + b"\xff\xfe{}",
        struct.pack("<Q", 200_000) + b"[" * 200_000, struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 22) + b'{"lora_a.alpha": null}', b"PK\x03\x04pickle" * 9,
    ],
    ids=["empty", "short", "long", "a list", "no text", "deep", "nothing in it", "no tensor", "pickle"],
)  # fmt: skip
def test_a_file_that_is_no_safetensors_is_an_error_of_one_line(tmp_path, data):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"x.safetensors: not a (LoRA|.safetensors file)") as caught:
        read_lora_info(tmp_path / "x.safetensors")
    assert "\n" not in str(caught.value)


def test_other_kinds_of_files_are_not_opened(tmp_path):
    with pytest.raises(ModelError, match="others can run code"):
        read_lora_info(tmp_path / "x.ckpt")
    with pytest.raises(ModelError, match="No such file"):
        read_lora_info(tmp_path / "nowhere.safetensors")


def run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exception is None, result.output
    return result.stdout


def test_the_lora_command_prints_the_facts_a_designer_needs(tmp_path):
    message = run("lora", lora_files.write(tmp_path / "oue.safetensors", notes=lora_files.notes()))
    assert message.splitlines()[:6] == [
        "made for       SDXL",
        f"kind           LoRA, kohya keys, {4 * 2048 + 64 * 4 + 1 + 4 * 64 * 2:,} numbers",
        "rank           4",
        "alpha          2",
        "changes        UNet (1 layers), text encoder (1 layers)",
        "trigger words  oue scooter, white background",
    ]
    assert "captions       oue scooter (15), white background (14), side view (4)\n" in message
    assert "steps          1500\n" in message


def test_the_lora_command_reads_the_bundled_lora_and_prints_json():
    facts = json.loads(run("lora", "nano-few-steps", "--json"))
    assert (facts["base"], facts["ranks"]) == ("nano", [16])
    assert str(nano.BUNDLED_LORAS["nano-few-steps"]) not in facts


def test_reading_a_lora_file_imports_no_torch(tmp_path):
    file = lora_files.write(tmp_path / "x.safetensors")
    code = f"import sys; from animator.cli import main; main(['lora', {str(file)!r}], standalone_mode=False)"
    code += "\nassert not {'torch', 'diffusers', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
