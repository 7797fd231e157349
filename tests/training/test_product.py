"""Training end to end on the bundled model: it learns a new product from a dozen renderings.

`toy.likeness` measures the result against renderings that were not trained on: the similarity of colours
(intersection of histograms of hue and chroma) and of forms (overlap of silhouettes), each 0..1.
"""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from animator.models import nano
from animator.training.photos import read_photos
from animator.training.settings import read_settings as settings
from animator.training.train import train
from nanolab.checkpoint import PipelinePainter, PipelineSettings
from tests.training import toy

ASKED = "studio photo of oue tower, white background"
OTHERS = [
    "studio photo of a red mug, white background",
    "studio photo of a blue chair, white background",
    "studio photo of a green bottle, white background",
    "studio photo of a purple speaker, white background",
]
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
FULL, QUICK = PipelineSettings(steps=8, guidance=2.0), PipelineSettings(steps=6, guidance=1.0)
CLASS = [  # prompts of the class images, which keep other products as they are
    f"studio photo of {thing}"
    for thing in (
        "a red mug",
        "a blue chair",
        "a green bottle",
        "a yellow desk lamp",
        "a purple speaker",
        "an orange electric scooter",
    )
]


def learnt(room, name, *options):
    folder = room / "photographs"
    if not folder.exists():
        toy.photograph(folder, 12)
    out = room / f"{name}.safetensors"
    common = ["token=oue tower", "class=tower", "learning.min_snr=0", "learning.schedule=cosine"]
    watched = ["watch.steps=8", "watch.guidance_scale=2", f"watch.prompts={json.dumps([ASKED])}"]
    assert list(train(read_photos(folder), settings(None, [*common, *watched, *options]), out))
    return out


def painted(painter, scale, prompts, how=FULL):
    """Paint the prompts with the LoRA at `scale`."""
    painter.txt2img.set_adapters(["default_0"], [scale])
    return painter.paint(prompts, range(len(prompts)), how)


def test_a_few_steps_already_teach_the_products_colours(tmp_path):
    out = learnt(
        tmp_path, "tower", "learning.steps=40", "learning.batch=2", "learning.rate=4e-3", "watch.sheets=false"
    )
    truth = [toy.render(100 + number) for number in range(3)]
    painter = PipelinePainter(nano.weights_folder(), out)
    color = {
        scale: toy.likeness(painted(painter, scale, [ASKED] * 3, QUICK), truth)[0] for scale in (0.0, 1.0)
    }
    assert color[1.0] > color[0.0] + 0.1


def taught(room):
    """Train the LoRA of the full test, which takes minutes on one core."""
    prior = [
        "prior.pictures=24",
        "prior.steps=8",
        "prior.guidance_scale=2",
        f"prior.prompts={json.dumps(CLASS)}",
    ]
    options = [
        "learning.steps=300",
        "learning.batch=4",
        "learning.rate=1e-3",
        "network.layers=all",
        "network.rank=16",
    ]
    return learnt(room, "tower", *options, *prior, "data.held_out=2")


def figures(painter):
    """Return similarities: of the product by scale, of other products to themselves, and of those to the product."""
    truth = [toy.render(100 + number) for number in range(6)]
    before, after = (painted(painter, scale, OTHERS) for scale in (0.0, 1.0))
    kept = [toy.likeness([now], [then]) for now, then in zip(after, before, strict=True)]
    return {
        "product": {scale: toy.likeness(painted(painter, scale, [ASKED] * 4), truth) for scale in SCALES},
        "others kept": tuple(np.mean(kept, axis=0).tolist()),
        "others like the product": (toy.likeness(before, truth), toy.likeness(after, truth)),
    }


@pytest.mark.slow
def test_a_dozen_photographs_make_the_token_mean_the_product(tmp_path):
    # docs/training.md shows the images and figures of this training.
    found = figures(PipelinePainter(nano.weights_folder(), taught(tmp_path)))
    both = [sum(found["product"][scale]) / 2 for scale in SCALES]
    assert both[-1] > both[0] + 0.5
    assert all(after > early - 0.02 for early, after in itertools.pairwise(both))
    assert min(found["others kept"]) > 0.6
    before, after = found["others like the product"]
    assert after[0] < before[0] + 0.05 and after[1] < before[1] + 0.05
