"""Train a LoRA or a textual inversion on photos of a product."""

import animator.diffusion  # noqa: F401 (before transformers: it silences their own messages)
