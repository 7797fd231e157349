"""Line and pose hints by the real controlnet-aux, with untrained networks of its own architectures."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from animator import ModelError
from animator.diffusion.helper_networks import load_detector
from tests.films import texture

HERE = find_spec("controlnet_aux") is not None
needed = pytest.mark.skipif(not HERE, reason="needs the extra `control`")


@pytest.fixture(scope="module")
def annotators(tmp_path_factory):
    """A folder of untrained weights with the file names of the hub repository."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.lineart import Generator
        from controlnet_aux.open_pose.body import bodypose_model
        from controlnet_aux.open_pose.face import FaceNet
        from controlnet_aux.open_pose.hand import handpose_model
    room = tmp_path_factory.mktemp("annotators")
    torch.manual_seed(0)
    for name in ("sk_model", "sk_model2"):
        torch.save(Generator(3, 1, 3).state_dict(), room / f"{name}.pth")
    for name, network in (("body", bodypose_model()), ("hand", handpose_model())):
        weights = {key.partition(".")[2]: value for key, value in network.state_dict().items()}
        torch.save(weights, room / f"{name}_pose_model.pth")
    torch.save(FaceNet().state_dict(), room / "facenet.pth")
    return str(room)


@needed
@pytest.mark.parametrize("hint", ["lineart", "openpose"])
def test_a_hint_has_the_size_of_its_image_for_any_size(annotators, hint):
    draw = load_detector(hint, "cpu", annotators)
    for width, height in ((96, 64), (130, 66), (48, 24)):
        found = draw(texture(width, height))
        assert (found.shape, found.dtype) == ((height, width, 3), np.uint8)


@needed
def test_line_art_depends_on_the_image(annotators):
    draw = load_detector("lineart", "cpu", annotators)
    one, other = (draw(texture(96, 64, seed)) for seed in (1, 2))
    assert (one == draw(texture(96, 64, 1))).all()
    assert (one != other).any()
    assert (one[..., 0] == one[..., 1]).all()  # lines have no colour


@needed
def test_missing_weights_are_reported_in_one_line(tmp_path):
    with pytest.raises(
        ModelError, match=r"hint lineart cannot be drawn: no weights from .*; download them once[^\n]*$"
    ):
        load_detector("lineart", "cpu", str(tmp_path))


@pytest.mark.skipif(HERE, reason="controlnet-aux is installed")
def test_a_missing_library_is_reported_with_the_install_command():
    with pytest.raises(
        ModelError, match=r"hint lineart cannot be drawn: .*; pip install 'animator\[control\]'$"
    ):
        load_detector("lineart", "cpu")
