"""Teach the model a product: pictures → a LoRA or a textual inversion."""

import animator.diffusion  # noqa: F401 (before transformers: it quiets the libraries about themselves)
