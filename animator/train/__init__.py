"""Teach the model a product: pictures → a LoRA or a textual inversion."""
