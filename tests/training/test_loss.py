"""Loss of a step: it equals the one computed by hand, and only the adapter gets gradients."""

import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline

from animator.training import loss
from animator.training.adapters import LoraAdapter
from animator.training.dataset import CaptionEncoder, LatentDataset, LatentItem
from animator.training.loss import TrainingObjective

LINEAR = {"num_train_timesteps": 4, "beta_schedule": "linear", "beta_start": 0.1, "beta_end": 0.4}
KEPT = [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7, 0.9 * 0.8 * 0.7 * 0.6]  # ᾱ for betas 0.1, 0.2, 0.3, 0.4


def scheduler(kind):
    return loss.noise_scheduler(DDPMScheduler(**LINEAR, prediction_type=kind).config)


def pair(a, b):
    return torch.tensor([a, b]).view(2, 1, 1, 1).expand(2, 4, 2, 2).clone()


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_loss_is_the_one_computed_by_hand(kind, gamma):
    levels = torch.tensor([0, 2])
    clean, noise, made = pair(1.0, -2.0), pair(0.5, 1.0), pair(0.1, 0.2)
    target = loss.prediction_target(scheduler(kind), clean, noise, levels)
    weights = loss.level_weights(scheduler(kind), levels, gamma)
    expected = 0.0
    for level, x, n, said in ((0, 1.0, 0.5, 0.1), (2, -2.0, 1.0, 0.2)):
        kept, snr = KEPT[level], KEPT[level] / (1 - KEPT[level])
        right = n if kind == "epsilon" else kept**0.5 * n - (1 - kept) ** 0.5 * x
        share = min(snr, gamma) / (snr if kind == "epsilon" else snr + 1) if gamma else 1.0
        expected += share * (said - right) ** 2 / 2
    assert float(loss.weighted_loss(made, target, weights)) == pytest.approx(expected, rel=1e-5)


def test_pixels_are_weighted_by_their_mask():
    made, target = torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    target[..., 0] = 3.0  # wrong by 3 on the left, correct on the right
    places = torch.tensor([[0.1, 1.0], [0.1, 1.0]])[None, None]
    assert float(loss.weighted_loss(made, target, torch.ones(1), places)) == pytest.approx(9 * 0.2 / 2.2)
    assert float(loss.weighted_loss(made, target, torch.ones(1))) == pytest.approx(4.5)


@pytest.fixture(scope="module")
def pipe(checkpoint):
    return StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)


def item(value=0.3, side=4):
    return LatentItem(
        torch.full((4, side, side), value), torch.zeros(4, side, side), None, (32, 32, 0, 0, 32, 32), "a box"
    )


def test_gradients_reach_the_lora_alone(checkpoint, chosen):
    pipe = StableDiffusionXLPipeline.from_pretrained(checkpoint, dtype=torch.float32)
    settings = chosen("network.text_encoders=true")
    learner = LoraAdapter(pipe, settings)
    dataset = LatentDataset([item()], 1, 0)
    objective = TrainingObjective(
        pipe,
        CaptionEncoder(pipe, True),
        loss.noise_scheduler(pipe.scheduler.config),
        dataset,
        None,
        None,
        settings,
    )
    objective.loss(dataset.batch(0), torch.Generator().manual_seed(1)).backward()
    parts = {"unet": pipe.unet, "text_encoder": pipe.text_encoder, "text_encoder_2": pipe.text_encoder_2}
    reached = {
        f"{n}.{k}" for n, part in parts.items() for k, p in part.named_parameters() if p.grad is not None
    }
    assert reached and all(".lora_" in name for name in reached)
    assert {name.split(".")[0] for name in reached} == set(parts)
    assert reached <= set(learner.parameters)
    assert all(p.grad is None for p in pipe.vae.parameters())


def test_the_loss_of_a_batch_is_the_models_error_at_the_noise_it_drew(pipe, chosen):
    settings = chosen("learning.min_snr=0")
    dataset = LatentDataset([item()], 1, 0)
    levels = loss.noise_scheduler(pipe.scheduler.config)
    objective = TrainingObjective(pipe, CaptionEncoder(pipe, False), levels, dataset, None, None, settings)
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        found = float(objective.loss(dataset.batch(0), torch.Generator().manual_seed(5)))
        torch.randn(
            1, 4, 4, 4, generator=random
        )  # noise of the latent's own distribution, whose deviation is 0 here
        noise = torch.randn(1, 4, 4, 4, generator=random)
        level = int(torch.rand(1, generator=random) * 1000)
        kept = float(levels.alphas_cumprod[level])
        noisy = kept**0.5 * 0.3 + (1 - kept) ** 0.5 * noise
        tokens, _, pooled, _ = pipe.encode_prompt("a box", do_classifier_free_guidance=False)
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]])}
        said = pipe.unet(noisy, level, encoder_hidden_states=tokens, added_cond_kwargs=added).sample
    assert found == pytest.approx(float((said - noise).square().mean()), rel=1e-5)


def test_every_epoch_contains_every_image_in_batches_of_one_size():
    items = [item(i / 10) for i in range(5)] + [item(0.9, side=8) for _ in range(2)]
    dataset = LatentDataset(items, 2, seed=3)
    rounds = [[dataset.batch(4 * turn + number) for number in range(4)] for turn in range(2)]
    for batches in rounds:
        assert {id(i) for batch in batches for i in batch.items} == set(map(id, items))
        assert all(
            len({i.mean.shape for i in batch.items}) == 1 and len(batch.items) == 2 for batch in batches
        )
    order = [[id(i) for batch in batches for i in batch.items] for batches in rounds]
    assert order[0] != order[1]
    again = LatentDataset(items, 2, seed=3)
    assert [id(i) for i in again.batch(6).items] == [id(i) for i in rounds[1][2].items]
