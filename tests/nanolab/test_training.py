"""Every stage learns on a tiny data set; a resumed training ends like an uninterrupted one."""

import numpy as np
import pytest
import torch
from PIL import Image as Pngs

from animator.diffusion.adapters import IPAdapterSet, IPAdapterSpec
from animator.frame import IPAdapterScale
from nanolab import checkpoint, ip_adapter, judge, latents, text, vae
from nanolab.dataset import ShardedImages, draw_shard, read_recipes
from nanolab.latents import LatentLibrary, LatentSet
from nanolab.model import Nano
from nanolab.recipes import random_set
from nanolab.tasks import ControlNetTask, DenoiseTask, DistillationTask, add_lora, catalog_odds
from nanolab.text import token_ids
from nanolab.train import sample_sheet
from nanolab.trainer import TrainingPlan, load_averaged, orthogonalize, train

WEIGHTS_OF_ADAPTER = "sdxl_models/ip-adapter_sdxl_vit-h.safetensors"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("room")
    draw_shard(folder / "pictures", 0, (64, 64), 3)
    text.write_tokenizer(folder / "tokens", 30)
    return folder


@pytest.fixture(scope="module")
def library():
    known = [recipe for seed in range(3) for recipe in random_set(seed)]
    random = np.random.default_rng(0)
    # Blocks of equal latents can be learnt, unlike white noise.
    large = np.repeat(np.repeat(random.normal(size=(18, 4, 4, 4)), 8, 2), 8, 3).astype(np.float16)
    return LatentLibrary(LatentSet(large, known))


def tiny(room):
    torch.manual_seed(0)
    tokenizer = text.read_tokenizer(room / "tokens")
    return Nano(tokenizer, (32, 32, 32)), tokenizer


def settled(room):
    """Return a small autoencoder with unit normal latents, as `settle` expects."""
    torch.manual_seed(0)
    model = vae.build_autoencoder((8, 8, 16, 16))
    images = ShardedImages(room / "pictures")
    with torch.no_grad():
        vae.fold_statistics(
            model, vae.encode(model, vae.images_to_tensor(np.stack([images[i] for i in range(12)])))
        )
    return model


def unet_task(room, library):
    nano, tokenizer = tiny(room)
    return DenoiseTask(nano, library, tokenizer, batch=4)


def distillation_task(room, library):
    nano, tokenizer = tiny(room)
    add_lora(nano, 4)
    return DistillationTask(nano, library, tokenizer, batch=1)


def classifier_task(room, library):
    return judge.ClassifierTask(judge.load_labeled(room / "pictures", slice(None)), batch=4)


def autoencoder_task(room, library):
    torch.manual_seed(0)
    return vae.VaeTask(vae.build_autoencoder((8, 8, 16, 16)), ShardedImages(room / "pictures"), 100)


def round_trip_task(room, library):
    return vae.RoundTripTask(settled(room), ShardedImages(room / "pictures"), 100)


def control_task(room, library):
    nano, tokenizer = tiny(room)
    return ControlNetTask(
        nano, latents.encode_all(room), ShardedImages(room / "pictures"), tokenizer, batch=4
    )


def image_encoder_task(room, library):
    return ip_adapter.ImageEncoderTask(room / "pictures", batch=4)


def ip_adapter_task(room, library):
    nano, tokenizer = tiny(room)
    encoder, images = ip_adapter.image_encoder(32, 1), ShardedImages(room / "pictures")
    return ip_adapter.IPAdapterTask(nano, encoder, latents.encode_all(room), images, tokenizer, batch=4)


TASKS = [
    unet_task,
    pytest.param(distillation_task, marks=pytest.mark.slow),
    classifier_task,
    pytest.param(autoencoder_task, marks=pytest.mark.slow),
    pytest.param(round_trip_task, marks=pytest.mark.slow),
    control_task,
    image_encoder_task,
    ip_adapter_task,
]


@pytest.mark.parametrize("make", TASKS)
def test_training_lowers_the_loss(room, library, make, tmp_path):
    task = make(room, library)
    torch.manual_seed(0)
    before = float(task.loss(0).detach())
    for _ in range(6):  # step 0 every time: the data set is one batch
        torch.manual_seed(0)
        loss = task.loss(0)
        loss.backward()
        for optimizer in task.optimizers:
            optimizer.step()
            optimizer.zero_grad()
    torch.manual_seed(0)
    assert float(task.loss(0).detach()) < before


def test_a_resumed_run_equals_an_uninterrupted_one(room, tmp_path):
    images = ShardedImages(room / "pictures")

    def fresh():
        torch.manual_seed(0)
        return vae.VaeTask(vae.build_autoencoder((8, 8, 16, 16)), images, 6)

    plan = TrainingPlan(6, warm=2, log_every=1)
    list(train(fresh(), plan, tmp_path / "whole.pt"))
    sitting = train(fresh(), TrainingPlan(6, warm=2, log_every=1, save_every=-1.0), tmp_path / "parts.pt")
    for progress in sitting:
        if progress.step == 3:
            break  # interrupted
    list(train(fresh(), plan, tmp_path / "parts.pt"))
    whole, parts = load_averaged(tmp_path / "whole.pt")[0], load_averaged(tmp_path / "parts.pt")[0]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_shard_is_drawn_once_and_read_back(room):
    path = room / "pictures" / "pictures-0000.npy"
    before = path.stat().st_mtime_ns
    assert draw_shard(room / "pictures", 0, (64, 64), 3) == path
    assert path.stat().st_mtime_ns == before
    images = ShardedImages(room / "pictures")
    assert len(images) == len(read_recipes(room / "pictures")) == 18
    assert images[11].shape == (64, 64, 3)
    assert read_recipes(room / "pictures")[0] == random_set(0)[0]


@pytest.mark.slow
def test_a_sample_sheet_is_written_from_the_last_saved_weights(room, tmp_path):
    assert sample_sheet(tmp_path, "vae", room / "tokens") is None
    torch.manual_seed(0)
    task = vae.VaeTask(vae.build_autoencoder(), ShardedImages(room / "pictures"), 2)
    list(train(task, TrainingPlan(2), tmp_path / "vae.pt"))
    path = sample_sheet(tmp_path, "vae", room / "tokens", (64, 64))
    assert path == tmp_path / "sheets" / "vae-00002.png"
    with Pngs.open(path) as page:
        assert page.size == (8 * 64, 3 * 64)


def test_mirrored_images_are_encoded_with_the_same_recipes(room):
    latents.encode_all(room)
    latent_set = latents.encode_all(room).large  # read from disk, not encoded again
    images, known = ShardedImages(room / "pictures"), read_recipes(room / "pictures")
    assert len(latent_set.latents) == 2 * len(images) and latent_set.recipes == known * 2
    model = latents.load_autoencoder(room)
    there, mirrored = latents.encode_images(model, [images[3], images[3][:, ::-1]])
    assert np.abs(latent_set.latents[3] - there).max() < 0.05
    assert np.abs(latent_set.latents[3 + len(images)] - mirrored).max() < 0.05


@pytest.mark.slow
def test_a_newer_autoencoder_encodes_all_images_again(room, tmp_path):
    draw_shard(tmp_path / "pictures", 0, (64, 64), 1)
    before = latents.encode_all(tmp_path).large.latents
    torch.manual_seed(1)
    task = vae.RoundTripTask(
        latents.load_autoencoder(tmp_path, finished=False), ShardedImages(tmp_path / "pictures"), 3, 3e-2
    )
    list(train(task, TrainingPlan(3, warm=1), tmp_path / "settle.pt"))
    after = latents.encode_all(tmp_path).large.latents
    assert before.shape == after.shape and not np.array_equal(before, after)


def test_at_high_noise_only_catalogue_images_are_chosen():
    known = [recipe for seed in range(40) for recipe in random_set(seed)]
    latent_set = LatentSet(np.zeros((2 * len(known), 4, 1, 1), np.float16), known * 2)
    random = np.random.default_rng(0)
    hidden = latent_set.sample_indices(catalog_odds(np.full(300, 900)), random)
    assert all(i < len(known) and known[i].spread < 1 for i in hidden)
    seen = latent_set.sample_indices(catalog_odds(np.full(300, 200)), random)
    wild = [known[i % len(known)].spread == 1 for i in seen]
    assert 0.75 < np.mean(wild) < 0.95  # tilted, small, off centre
    assert 0.3 < np.mean(seen >= len(known)) < 0.55  # mirrored


def test_training_can_start_from_an_exported_folder(room, tmp_path):
    nano, tokenizer = tiny(room)
    checkpoint.export_checkpoint(nano, vae.build_autoencoder((8, 8, 16, 16)), room / "tokens", tmp_path)
    torch.manual_seed(1)
    other = Nano(tokenizer, (32, 32, 32))
    checkpoint.restore_checkpoint(other, tmp_path)
    text = other.text(torch.from_numpy(token_ids(tokenizer, ["a red mug"])))
    sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64]])
    with torch.no_grad():
        asked = (torch.randn(1, 4, 8, 8), torch.tensor([500]), text, sizes)
        assert torch.allclose(nano.float()(*asked), other(*asked), atol=1e-2)


@pytest.mark.slow
def test_the_unets_middle_block_learns_product_and_view(room, library):
    nano, tokenizer = tiny(room)
    task = DenoiseTask(nano, library, tokenizer, batch=8)
    shown = task._noisy_batch(np.random.default_rng([5, 0]))[1]
    untold = []
    for _ in range(8):
        torch.manual_seed(0)
        task.loss(0).backward()
        with torch.autocast("cpu", torch.bfloat16):
            untold.append(float(task._attribute_loss(shown).detach()))
        task.optimizers[0].step()
        task.optimizers[0].zero_grad()
    assert untold[-1] < untold[0] - 0.5


def test_an_untrained_controlnet_changes_nothing(room):
    nano, tokenizer = tiny(room)
    task = ControlNetTask(nano, latents.encode_all(room), ShardedImages(room / "pictures"), tokenizer)
    text = nano.text(torch.from_numpy(token_ids(tokenizer, ["a red mug"])))
    sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64]])
    noisy, level = torch.randn(1, 4, 8, 8), torch.tensor([500])
    with torch.no_grad():
        guided = task._predict(noisy, level, text, torch.rand(1, 3, 64, 64))
        assert torch.allclose(guided, nano(noisy, level, text, sizes), atol=1e-5)


def test_a_mirrored_image_has_mirrored_edges(room):
    nano, tokenizer = tiny(room)
    images = ShardedImages(room / "pictures")
    task = ControlNetTask(nano, latents.encode_all(room), images, tokenizer)
    there, mirrored = (task._edges(i, np.random.default_rng(0)) for i in (0, len(images)))
    assert there.any() and np.array_equal(there[:, ::-1], mirrored)


def test_a_saved_ip_adapter_can_be_loaded(room, tmp_path):
    nano, tokenizer = tiny(room)
    task = ip_adapter.IPAdapterTask(
        nano,
        ip_adapter.image_encoder(32, 1),
        latents.encode_all(room),
        ShardedImages(room / "pictures"),
        tokenizer,
        batch=2,
    )
    ip_adapter.save_adapter(task.encoder, nano.unet, tmp_path / "ip")
    learnt = {name: value.detach().half() for name, value in ip_adapter.adapter_state_dict(nano.unet).items()}
    nano, _ = tiny(room)
    pipe = checkpoint.build_pipeline(nano, settled(room), room / "tokens")
    image = np.asarray(ShardedImages(room / "pictures")[0])
    adapters = IPAdapterSet(
        pipe,
        {"like": IPAdapterSpec(str(tmp_path / "ip"), WEIGHTS_OF_ADAPTER, "models/image_encoder", image)},
    )
    assert (
        adapters.arguments({"like": IPAdapterScale(scale=1.0)}, False)["ip_adapter_image_embeds"][0]
        .isfinite()
        .all()
    )
    read = ip_adapter.adapter_state_dict(pipe.unet)
    assert all(torch.equal(value, read[name].half()) for name, value in learnt.items())


def test_orthogonal_brings_singular_values_close_to_one():
    values = torch.linalg.svdvals(orthogonalize(torch.randn(8, 20)))
    assert values.min() > 0.4 and values.max() < 1.4


def test_folding_makes_latents_unit_normal():
    torch.manual_seed(0)
    model = vae.build_autoencoder((8, 8, 16, 16))
    pixels = torch.randn(4, 3, 32, 32).clamp(-1, 1)
    with torch.no_grad():
        before = vae.decode(model, vae.encode(model, pixels))
        vae.fold_statistics(model, vae.encode(model, pixels))
        latents = vae.encode(model, pixels)
        after = vae.decode(model, latents)
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-4)


def test_encoding_is_deterministic_after_folding():
    torch.manual_seed(0)
    model = vae.build_autoencoder((8, 8, 16, 16))
    pixels = torch.randn(1, 3, 32, 32)
    vae.fold_statistics(model, torch.randn(2, 4, 4, 4))
    with torch.no_grad():
        samples = [model.encode(pixels).latent_dist.sample() for _ in range(2)]
    assert torch.allclose(samples[0], samples[1], atol=1e-3)
