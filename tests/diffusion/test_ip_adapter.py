"""IP-Adapters through diffusers' real loader: small random ones with a tiny CLIP for the small checkpoint."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from animator import ModelError, SceneError, animate, loads, timeline
from animator.diffusion import memory
from animator.diffusion.adapters import IPAdapterSet, IPAdapterSpec, guided_layers
from animator.diffusion.controlnet import ControlNetSpec
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Control, IPAdapterScale
from animator.scene.resolve import to_yaml
from tests import control
from tests.films import texture

SEEN = 24  # width of the tiny CLIP's image embedding
WORDS = 4  # tokens that an IP-Adapter makes of an image embedding


def write(folder, checkpoint, name, seed, width=None):
    """Write an IP-Adapter with random weights in the layout that its authors publish."""
    unet = UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)
    random = torch.Generator().manual_seed(seed)
    width = width or unet.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": 0.3 * torch.randn(WORDS * width, SEEN, generator=random),
        "image_proj.proj.bias": torch.zeros(WORDS * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    number = 1
    for place in unet.attn_processors:
        if place.endswith("attn2.processor"):
            inner = unet.get_submodule(place.removesuffix(".processor")).to_k.out_features
            for part in ("k", "v"):
                weights[f"ip_adapter.{number}.to_{part}_ip.weight"] = 0.3 * torch.randn(
                    inner, width, generator=random
                )
            number += 2
    save_file(weights, folder / name)


@pytest.fixture(scope="module")
def folder(checkpoint, tmp_path_factory):
    room = tmp_path_factory.mktemp("ip")
    torch.manual_seed(3)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, projection_dim=SEEN, num_hidden_layers=2, num_attention_heads=4,
        image_size=32, patch_size=8,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(room / "models" / "image_encoder")
    (room / "sdxl_models").mkdir()
    for seed, name in enumerate(("one", "other")):
        write(room / "sdxl_models", checkpoint, f"{name}.safetensors", seed)
    write(room / "sdxl_models", checkpoint, "old.safetensors", 1, width=768)
    return room


@pytest.fixture(scope="module")
def adapter(folder):
    def made(name="one", seed=1, takes="whole"):
        weights, encoder = f"sdxl_models/{name}.safetensors", "models/image_encoder"
        return IPAdapterSpec(str(folder), weights, encoder, texture(64, 64, seed), takes)

    return made


@pytest.fixture(scope="module")
def like(checkpoint, adapter):
    adapters = {"a": adapter(), "b": adapter("other", 2)}
    return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, adapters=adapters)


@pytest.fixture(scope="module")
def parts(checkpoint, adapter):
    """A painter with three adapters for one image: the whole, its style and its layout."""
    adapters = {takes: adapter(takes=takes) for takes in ("whole", "style", "layout")}
    return SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, adapters=adapters)


def names(**attentions):
    """Return the attention layers of a UNet with the given number of attentions, of two layers each, per block."""
    return [
        f"{block}.attentions.{number}.transformer_blocks.{depth}.{kind}.processor"
        for block, count in attentions.items()
        for number in range(count)
        for depth in (0, 1)
        for kind in ("attn1", "attn2")
    ]


SDXL = {"down_blocks.1": 2, "down_blocks.2": 2, "up_blocks.0": 3, "up_blocks.1": 3, "mid_block": 1}
NANO = {"down_blocks.1": 1, "down_blocks.2": 1, "up_blocks.0": 2, "up_blocks.1": 2, "mid_block": 1}
LOWER = {
    "down_blocks.0": 2,
    "down_blocks.1": 1,
    "up_blocks.1": 1,
    "up_blocks.2": 3,
}  # no attention at the lowest resolution


@pytest.mark.parametrize(
    ("attentions", "style", "layout"),
    [
        (SDXL, "up_blocks.0.attentions.1.", "down_blocks.2.attentions.1."),
        (NANO, "up_blocks.0.attentions.1.", "down_blocks.2.attentions.0."),
        (LOWER, "up_blocks.1.attentions.0.", "down_blocks.1.attentions.0."),
    ],
    ids=["sdxl", "nano", "no attention at the lowest resolution"],
)
def test_style_and_layout_guide_the_layers_of_instantstyle_and_the_whole_guides_all(
    attentions, style, layout
):
    known = names(**attentions)
    found = {takes: sorted(guided_layers(known, takes)) for takes in ("whole", "style", "layout")}
    assert found["whole"] == sorted(name for name in known if ".attn2." in name)
    for takes, place in (("style", style), ("layout", layout)):
        assert found[takes] == [f"{place}transformer_blocks.{depth}.attn2.processor" for depth in (0, 1)]
    assert guided_layers(names(mid_block=1), "style") == frozenset()


@pytest.fixture
def painted(frame, textured):
    def paint(sdxl, over=True, **scales):
        wanted = replace(
            frame(strength=0.8), ip_adapter={name: IPAdapterScale(scale) for name, scale in scales.items()}
        )
        return sdxl.paint(wanted, textured[:64, :64] if over else None)

    return paint


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("over", [True, False])
def test_scale_0_gives_the_image_without_the_adapter_to_the_byte_and_scale_1_another(
    like, sdxl, painted, over
):
    plain = painted(sdxl, over)
    assert (painted(like, over, a=0.0, b=0.0) == plain).all()
    assert distance(painted(like, over, a=1.0, b=0.0), plain) > 0.5
    assert (painted(like, over, a=0.0, b=0.0) == plain).all()


def test_a_larger_scale_changes_the_image_more(like, painted):
    plain = painted(like, a=0.0)
    changes = [distance(painted(like, a=scale), plain) for scale in (0.05, 0.1, 0.2, 0.4)]
    assert 0 < changes[0] < changes[1] < changes[2] < changes[3]


def test_two_adapters_act_by_their_own_scales(like, painted):
    one, other, both = painted(like, a=0.5), painted(like, b=0.5), painted(like, a=0.5, b=0.5)
    assert all(distance(x, y) > 0.05 for x, y in ((one, other), (one, both), (other, both)))


def scales(sdxl):
    """Return the scales of all adapters in each layer that has them, by the layer's name."""
    processors = sdxl.txt2img.unet.attn_processors.items()
    return {name: processor.scale for name, processor in processors if hasattr(processor, "to_k_ip")}


@pytest.mark.parametrize("takes", ["style", "layout"])
@pytest.mark.parametrize("over", [True, False])
def test_style_or_layout_alone_changes_less_than_the_whole_and_more_with_a_larger_scale(
    parts, sdxl, painted, takes, over
):
    plain, whole = painted(sdxl, over), painted(parts, over, whole=1.0)
    changes = [distance(painted(parts, over, **{takes: scale}), plain) for scale in (0.25, 0.5, 1.0)]
    assert 0 < changes[0] < changes[1] < changes[2] < distance(whole, plain)
    assert (painted(parts, over, **{takes: 0.0}) == plain).all()


def test_each_adapter_acts_only_in_the_layers_of_the_aspect_it_takes(parts, painted):
    both = painted(parts, whole=0.25, style=0.5, layout=1.0)
    found = scales(parts)
    style, layout = guided_layers(found, "style"), guided_layers(found, "layout")
    assert style
    assert layout
    assert not style & layout
    assert found == {name: [0.25, 0.5 * (name in style), 1.0 * (name in layout)] for name in found}
    assert all(distance(both, painted(parts, **{one: 0.5})) > 0.02 for one in ("whole", "style", "layout"))
    parts.txt2img.set_ip_adapter_scale(
        [
            0.25,
            {"up": {"block_0": [0.0, 0.5]}},
            {"down": {"block_1": [1.0]}},
        ]  # the same scales in diffusers' notation
    )
    assert scales(parts) == found
    painted(parts)
    assert all(scale == [0, 0, 0] for scale in scales(parts).values())


def test_an_aspect_without_layers_in_the_checkpoint_is_refused_before_the_adapter_is_read(tmp_path):
    deaf = SimpleNamespace(
        config=SimpleNamespace(cross_attention_dim=None), attn_processors=dict.fromkeys(names(mid_block=1))
    )
    nowhere = IPAdapterSpec(str(tmp_path), "a.safetensors", "encoder", texture(8, 8, 1), "style")
    with pytest.raises(
        ModelError, match="ip_adapter.a: this checkpoint has no layers for style; use takes: whole"
    ):
        IPAdapterSet(SimpleNamespace(unet=deaf), {"a": nowhere})


def test_another_reference_image_gives_another_image(checkpoint, adapter, like, painted):
    seen = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, adapters={"a": adapter(seed=9)})
    assert distance(painted(seen, a=1.0), painted(like, a=1.0)) > 0.02


def test_an_adapter_acts_beside_a_controlnet(checkpoint, adapter, tmp_path, frame, textured):
    net = ControlNetSpec(str(control.write(tmp_path / "net", checkpoint, 0.1)))
    sdxl = SDXLPainter(
        CheckpointSpec(str(checkpoint)), 64, 64, {}, controls={"edges": net}, adapters={"a": adapter()}
    )
    image = textured[:64, :64]
    guided = replace(frame(strength=0.8), control={"edges": Control()})
    found = [
        sdxl.paint(replace(guided, ip_adapter={"a": IPAdapterScale(scale)}), image, hints={"edges": image})
        for scale in (0, 1)
    ]
    assert distance(*found) > 0.1


def test_an_adapter_for_sd_1_5_is_refused_by_its_header(checkpoint, adapter):
    with pytest.raises(ModelError, match="ip_adapter.a: .*old.safetensors is made for SD 1.x"):
        SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, adapters={"a": adapter("old")})


def test_a_missing_adapter_is_reported_in_one_line(checkpoint, adapter):
    with pytest.raises(ModelError, match=r"ip_adapter: a cannot be loaded: [^\n]*$"):
        SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {}, adapters={"a": adapter("none")})


@pytest.mark.parametrize("takes", ["whole", "style"])
def test_a_curve_sets_the_adapters_scale_per_frame(film, folder, tmp_path, textured, takes):
    from PIL import Image as Pillow

    Pillow.fromarray(textured).save(tmp_path / "mood.png")
    text = f"""
video: {{frames: 3}}
painting: {{steps: 2, strength: 0.8}}
ip_adapter: {{mood: {{file: mood.png, model: {folder}, weights: sdxl_models/one.safetensors, takes: TAKES, scale: SCALE}}}}
"""
    text = text.replace("TAKES", takes)
    scene = film(text.replace("SCALE", "{0: 0, 2: 1}"))
    assert [frame.ip_adapter["mood"].scale for frame in timeline(scene)] == [0, 0.5, 1]
    assert loads(to_yaml(scene), "/").settings.ip_adapter["mood"].file == str(tmp_path / "mood.png")
    shown, plain = (
        [state.shown for _, state in animate(s)] for s in (scene, film(text.replace("SCALE", "0")))
    )
    assert [(a == b).all() for a, b in zip(shown, plain, strict=True)] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: {file: none.png}}", "ip_adapter.a.file: no such file"),
        ("{a: {file: text.png}}", "ip_adapter.a.file: cannot be used as an image"),
        ("{a: {file: a.png, weights: x.bin}}", "only .safetensors files are loaded; others can run code"),
        (
            "{a: {file: a.png, takes: styl}}",
            "ip_adapter.a.takes: 'styl' is not known; allowed: 'whole', 'style' or 'layout'",
        ),
        ("{a: {file: a.png, scale: -1}}", "ip_adapter.a.scale: -1 at frame 0; allowed 0..10"),
        (
            "{a: {file: a.png}, b: {file: a.png, encoder: x}}",
            "all IP-Adapters of a film share one image encoder",
        ),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(tmp_path, textured, text, message):
    from PIL import Image as Pillow

    Pillow.fromarray(textured).save(tmp_path / "a.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SceneError) as caught:
        loads(f"ip_adapter: {text}", tmp_path)
    assert message in str(caught.value)


def test_a_batch_with_an_adapter_is_painted_one_by_one(like, frame):
    wanted = [replace(frame(), seed=seed, ip_adapter={"a": IPAdapterScale(0.8)}) for seed in (1, 2)]
    together = like.paint_batch([(each, None) for each in wanted])
    assert [(image == like.paint(each, None)).all() for image, each in zip(together, wanted, strict=True)]
    assert (together[0] != together[1]).any()


def test_adapter_and_image_encoder_weights_are_counted_from_headers(like, sdxl, adapter):
    def weights(network):
        return sum(values.numel() for values in network.parameters())

    found = memory.count_extra_networks([], None, [adapter(), adapter("other", 2)], [])
    assert (found.always_on_device, found.complete) == (0, True)
    assert found.unet == weights(like.txt2img.unet) - weights(sdxl.txt2img.unet)
    assert found.image_encoder == pytest.approx(weights(like.txt2img.image_encoder), rel=0.01)
