"""Painting with ControlNets: diffusers' real pipelines and small ControlNets made from the checkpoint's UNet."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from animator import ModelError
from animator.diffusion import memory
from animator.diffusion.controlnet import ControlNetSet, ControlNetSpec
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Control
from animator.imaging.filters import canny_hint
from tests import control


@pytest.fixture(scope="module")
def nets(checkpoint, tmp_path_factory):
    """Folders of ControlNets by name: one without effect, two with an effect, two Union models."""
    room = tmp_path_factory.mktemp("control")
    amounts = {"zero": 0.0, "edges": 0.1, "other": 0.1}
    made = {
        name: control.write(room / name, checkpoint, amount, seed)
        for seed, (name, amount) in enumerate(amounts.items())
    }
    return made | {
        name: control.write_union(room / name, checkpoint, 0.1, seed=seed)
        for seed, name in enumerate(("union", "union2"))
    }


@pytest.fixture(scope="module")
def load(checkpoint, nets):
    """A function that makes a painter with the named ControlNets; `name:mode` sets the kind of hint."""

    def loaded(*names):
        parts = [name.split(":") for name in names]
        found = {
            name.replace(":", "_"): ControlNetSpec(str(nets[part[0]]), int(part[1]) if part[1:] else None)
            for name, part in zip(names, parts, strict=True)
        }
        return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, controls=found)

    return loaded


@pytest.fixture(scope="module")
def edged(load):
    return load("zero", "edges", "other")


@pytest.fixture(scope="module")
def start():
    random = np.random.default_rng(5)
    return np.kron(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


@pytest.fixture
def painted(frame, start):
    """A function that paints with ControlNets and their settings; `over` None paints from nothing."""

    def paint(sdxl, over="start", mask=None, painting=None, **controls):
        wanted = replace(
            frame(**{"strength": 0.7, **(painting or {})}),
            control={name: Control(**settings) for name, settings in controls.items()},
        )
        hints = dict.fromkeys(controls, canny_hint(start, 100, 200))
        return sdxl.paint(wanted, start if over == "start" else over, hints=hints, mask=mask)

    return paint


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("over", ["start", None])
def test_scale_0_gives_the_image_without_the_controlnet_to_the_byte_and_scale_1_another(edged, painted, over):
    plain = painted(edged, over)
    assert (painted(edged, over, edges={"scale": 0.0}) == plain).all()
    assert distance(painted(edged, over, edges={}), plain) > 1


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M Karras", "Heun", "LCM", "DDIM", "UniPC", "Euler a"])
@pytest.mark.parametrize("over", ["start", None])
def test_a_controlnet_without_effect_gives_the_image_without_it_to_the_byte(edged, painted, name, over):
    """The ControlNet pipeline starts from the same noise and runs exactly the same levels."""
    painting = {"sampler": name, "strength": 0.37, "steps": 5}
    assert (painted(edged, over, painting=painting, zero={}) == painted(edged, over, painting=painting)).all()


def test_a_larger_scale_changes_the_image_more(edged, painted):
    plain = painted(edged)
    changes = [distance(plain, painted(edged, edges={"scale": scale})) for scale in (0.1, 0.3, 0.6, 1.0)]
    assert 0 < changes[0] < changes[1] < changes[2] < changes[3]


def test_a_controlnet_guides_from_its_start_to_its_end(edged, painted):
    plain, whole = painted(edged), painted(edged, edges={})
    early, late = (painted(edged, edges=part) for part in ({"end": 0.4}, {"start": 0.6}))
    assert all(
        distance(a, b) > 0.05 for a, b in ((early, plain), (late, plain), (early, whole), (early, late))
    )
    assert (painted(edged, edges={"start": 0.5, "end": 0.5}) == plain).all()


def test_another_hint_gives_another_image(edged, frame, start):
    wanted = replace(frame(), control={"edges": Control()})
    one, other = (
        edged.paint(wanted, start, hints={"edges": hint}) for hint in (canny_hint(start, 100, 200), start)
    )
    assert distance(one, other) > 0.05


def test_several_controlnets_guide_together(edged, painted):
    alone = painted(edged, edges={})
    both = painted(edged, edges={}, other={"scale": 0.5})
    assert distance(both, alone) > 0.05
    assert (painted(edged, edges={}, other={"scale": 0.0}) == alone).all()
    assert distance(painted(edged, None, edges={}, other={}), painted(edged, None, edges={})) > 0.05


def test_a_mask_limits_the_area_that_a_controlnet_changes(edged, painted, start):
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    found = painted(edged, mask=half, edges={})
    assert (found[:, :32] == start[:, :32]).all()
    assert distance(found[:, 32:], painted(edged, mask=half)[:, 32:]) > 0.5
    assert (painted(edged, mask=np.full((64, 64), 255, np.uint8), edges={}) == painted(edged, edges={})).all()


@pytest.mark.parametrize("over", ["start", None])
def test_a_union_model_distinguishes_hints_by_kind(load, painted, over):
    sdxl = load("union:3", "union:1")
    plain = painted(sdxl, over)
    edges, depth = painted(sdxl, over, union_3={}), painted(sdxl, over, union_1={})
    both = painted(sdxl, over, union_3={}, union_1={})
    assert sdxl.controls.models["union_3"] is sdxl.controls.models["union_1"]
    assert (painted(sdxl, over, union_3={"scale": 0.0}) == plain).all()
    assert all(
        distance(a, b) > 0.02 for a, b in ((edges, plain), (depth, edges), (both, edges), (both, depth))
    )


def test_two_union_models_guide_together(load, painted):
    sdxl = load("union:3", "union2:1")
    assert distance(painted(sdxl, union_3={}, union2_1={}), painted(sdxl, union_3={})) > 0.02


def test_a_union_model_beside_another_kind_is_refused(load):
    with pytest.raises(
        ModelError, match="a Union ControlNet cannot be combined with other kinds in one film"
    ):
        load("union:3", "edges")


def test_a_union_model_without_a_known_kind_of_hint_is_refused(load):
    with pytest.raises(
        ModelError, match="control.union: a Union ControlNet needs the kind of its hint image"
    ):
        load("union")
    with pytest.raises(ModelError, match="control.union_6: this Union ControlNet supports 6 kinds of hints"):
        load("union:6")


def test_images_of_any_even_size_can_be_guided(checkpoint, nets, frame):
    sdxl = SDXLPainter(
        CheckpointSpec(str(checkpoint)), 98, 66, {}, controls={"edges": ControlNetSpec(str(nets["edges"]))}
    )
    start = np.random.default_rng(1).integers(0, 256, (66, 98, 3), dtype=np.uint8)
    wanted = replace(frame(), control={"edges": Control()})
    assert sdxl.paint(wanted, start, hints={"edges": start}).shape == start.shape
    assert sdxl.paint(wanted, None, hints={"edges": start}).shape == start.shape


def test_a_single_file_loads_the_weights_of_its_folder(checkpoint, tmp_path, edged, frame, start):
    """The file has diffusers' keys, as most have; its config is derived from the UNet."""
    from diffusers import ControlNetModel

    random = torch.Generator().manual_seed(0)
    net = ControlNetModel.from_unet(control.unet(checkpoint))
    weights = {
        k: v if v.any() else 0.1 * torch.randn(v.shape, generator=random) for k, v in net.state_dict().items()
    }
    save_file(weights, tmp_path / "net.safetensors")
    net.load_state_dict(weights)
    net.save_pretrained(tmp_path / "folder")
    names = ("net.safetensors", "folder")
    found = [
        ControlNetSet(edged.txt2img, {"a": ControlNetSpec(str(tmp_path / name))}).models["a"].state_dict()
        for name in names
    ]
    assert all((found[0][name] == value).all() for name, value in found[1].items())


def test_a_controlnet_of_another_size_is_refused_by_its_config_before_its_weights_are_read(
    checkpoint, nets, tmp_path, edged
):
    (tmp_path / "config.json").write_text('{"_class_name": "ControlNetModel", "cross_attention_dim": 768}')
    with pytest.raises(
        ModelError,
        match=r"control: .* is made for SD 1.x: it reads text embeddings 768 wide, this checkpoint's are \d+; use one for SDXL",
    ):
        ControlNetSet(edged.txt2img, {"a": ControlNetSpec(str(tmp_path))})
    weights = load_file(nets["edges"] / "diffusion_pytorch_model.safetensors")
    wide = {k: torch.zeros(v.shape[0], 1024) if "attn2.to_k" in k else v for k, v in weights.items()}
    save_file(wide, tmp_path / "sd2.safetensors")
    with pytest.raises(ModelError, match="is made for SD 2.x"):
        ControlNetSet(edged.txt2img, {"a": ControlNetSpec(str(tmp_path / "sd2.safetensors"))})
    (tmp_path / "config.json").write_text((nets["edges"] / "config.json").read_text().replace("64", "96"))
    with pytest.raises(ModelError, match="made for (a UNet of another size|another model)"):
        ControlNetSet(edged.txt2img, {"a": ControlNetSpec(str(tmp_path))})


def test_a_file_that_is_not_a_controlnet_is_refused_in_one_line(tmp_path, edged):
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(
        ModelError, match="control: .*a.safetensors cannot be loaded as a ControlNet: [^\n]*$"
    ):
        ControlNetSet(edged.txt2img, {"a": ControlNetSpec(str(tmp_path / "a.safetensors"))})


@pytest.mark.parametrize("settings", [{"tiling": "both"}, {"memory": "low"}])
def test_a_controlnet_guides_with_tiling_and_with_low_memory(checkpoint, nets, frame, start, settings):
    edges = {"edges": ControlNetSpec(str(nets["edges"]))}
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint), **settings), 64, 64, {}, controls=edges)
    guided = replace(frame(guidance_rescale=0.5), control={"edges": Control()})
    for over in (None, start):
        assert (
            sdxl.paint(guided, over, hints={"edges": canny_hint(start, 100, 200)}) != sdxl.paint(guided, over)
        ).any()


def test_controlnet_weights_are_counted_from_headers_and_a_shared_model_once(load, nets, tmp_path):
    named = [
        ControlNetSpec(str(nets["edges"])),
        ControlNetSpec(str(nets["union"]), 1),
        ControlNetSpec(str(nets["union"]), 3),
    ]
    loaded = [*load("edges").controls.networks, *load("union:1", "union:3").controls.networks]
    weights = sum(values.numel() for network in loaded for values in network.parameters())
    assert memory.count_extra_networks(named, None, [], []) == memory.ExtraNetworks(always_on_device=weights)
    save_file({"a": torch.zeros(3)}, tmp_path / "diffusion_pytorch_model.safetensors")
    save_file({"a": torch.zeros(5)}, tmp_path / "diffusion_pytorch_model_promax.safetensors")
    assert (
        memory.count_extra_networks([ControlNetSpec(str(tmp_path))], None, [], []).always_on_device == 3
    )  # diffusers loads no other
