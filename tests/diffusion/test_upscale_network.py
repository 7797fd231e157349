"""Upscaling networks, loaded by the real spandrel: small ones of two architectures."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from animator import ModelError
from animator.imaging.resize import resize, upscale_tiled
from tests.films import texture

pytestmark = pytest.mark.skipif(find_spec("spandrel") is None, reason="needs the extra `upscale`")


@pytest.fixture(scope="module", autouse=True)
def spandrel():
    """The module spandrel, imported with a stub for the three torchvision names that these networks do not use."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    missing = find_spec("torchvision") is None and "spandrel" not in sys.modules
    if missing:
        sys.modules.update({name: ModuleType(name) for name in names})
        for name in ("InterpolationMode", "rotate", "normalize"):
            setattr(sys.modules[names[-1]], name, None)
    try:
        import spandrel

        return spandrel
    finally:
        for name in names if missing else ():
            del sys.modules[name]


def save(net, file):
    random = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for values in net.parameters():
            values.add_(0.02 * torch.randn(values.shape, generator=random))
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, file)
    return file


@pytest.fixture(scope="module")
def esrgan(spandrel, tmp_path_factory):
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(0)
    net = RRDBNet(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=4)
    return save(net, tmp_path_factory.mktemp("esrgan") / "4x.safetensors")


@pytest.fixture(scope="module")
def compact(spandrel, tmp_path_factory):
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(0)
    net = SRVGGNetCompact(num_feat=8, num_conv=2, upscale=2)
    return save(net, tmp_path_factory.mktemp("compact") / "2x.safetensors")


@pytest.fixture
def load():
    from animator.diffusion.helper_networks import UpscaleNetwork

    return lambda file: UpscaleNetwork(file, "cpu")


def test_an_esrgan_network_enlarges_by_its_scale(load, esrgan):
    network = load(esrgan)
    found = network(texture(40, 24))
    assert network.scale == 4
    assert (found.shape, found.dtype) == ((96, 160, 3), np.uint8)
    assert found.std() > 1


def test_a_network_of_another_architecture_enlarges_and_preserves_the_image(load, compact):
    image = texture(40, 24)
    found = load(compact)(image)
    assert found.shape == (48, 80, 3)
    # A compact network adds to the nearest pixels: untrained, it adds little.
    assert np.abs(found.astype(int) - np.repeat(np.repeat(image, 2, 0), 2, 1)).mean() < 30


def test_tiled_upscaling_shows_no_seam(load, compact):
    network, image = load(compact), texture(200, 150)
    whole, parts = network(image), upscale_tiled(image, network, 2, 128)
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_a_nearest_neighbour_network_gives_exact_pixels_through_tiles_too(spandrel, load, tmp_path):
    """With an ESRGAN whose trunk adds nothing, loading, conversion and tiling must not change a pixel."""
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    net = RRDBNet(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=4)
    with torch.no_grad():
        for name, values in net.named_parameters():
            values.zero_()
            if name.count(".") == 2 and name.endswith("weight"):  # not of the trunk
                for color in range(3):
                    values[color, color, 1, 1] = 1
    save_file(net.state_dict(), tmp_path / "nearest.safetensors")
    network, image = load(tmp_path / "nearest.safetensors"), texture(160, 96)
    nearest = np.repeat(np.repeat(image, 4, 0), 4, 1)
    assert (network(image) == nearest).all()
    assert (upscale_tiled(image, network, 4, 128) == nearest).all()


def test_the_output_can_be_resized_to_another_factor(load, esrgan):
    image = texture(40, 24)
    assert resize(load(esrgan)(image), 80, 48).shape == (48, 80, 3)


def test_an_unsupported_file_is_refused_in_one_line(load, tmp_path):
    save_file({"some.weight": torch.zeros(3, 3)}, tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(b"nothing")
    for name in ("a", "b"):
        with pytest.raises(
            ModelError,
            match=rf"output.upscale: spandrel does not support .*{name}.safetensors: [^\n]*$",
        ):
            load(tmp_path / f"{name}.safetensors")
