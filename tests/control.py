"""Small ControlNets for tests: copies of a checkpoint's UNet whose zero convolutions are not all zeros."""

from pathlib import Path

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, UNet2DConditionModel

EYES = (8, 8, 16, 16)  # channels of the hint encoder, which reduces the hint 8 times


def unet(checkpoint: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)


def write(folder: Path, checkpoint: Path, amount: float, seed=3) -> Path:
    """Write a ControlNet as diffusers initialises it (it adds nothing), with noise of `amount` on its outputs."""
    net = ControlNetModel.from_unet(unet(checkpoint), conditioning_embedding_out_channels=EYES)
    return _shaken(net, folder, amount, seed)


def write_union(folder: Path, checkpoint: Path, amount: float, kinds=6, seed=3) -> Path:
    plain = ControlNetModel.from_unet(unet(checkpoint), conditioning_embedding_out_channels=EYES).config
    first = plain["block_out_channels"][0]
    more = {
        "num_control_type": kinds, "num_trans_channel": first, "num_trans_head": 2, "num_proj_channel": first,
    }  # fmt: skip
    known = set(ControlNetUnionModel.load_config.__self__._get_init_keys(ControlNetUnionModel))
    net = ControlNetUnionModel(**{name: plain[name] for name in known & set(plain)}, **more)
    return _shaken(net, folder, amount, seed)


def _shaken(net, folder: Path, amount: float, seed: int) -> Path:
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in net.named_parameters():
            if not values.any():
                loud = (
                    10.0 if "cond_embedding.conv_out" in name else 1.0
                )  # strengthens the hint against the image
                values.copy_(loud * amount * torch.randn(values.shape, generator=random))
    net.save_pretrained(folder)
    return folder
