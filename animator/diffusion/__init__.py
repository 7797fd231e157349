"""Painting with SDXL: model loading, prompt encoding, sampling and frames on the GPU; imports torch and diffusers."""

import os

# The libraries' own notices do not help a user; errors still arrive as exceptions.
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
