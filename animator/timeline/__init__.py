"""Compilation of a Scene into Frames: every value of every frame, before any pixel exists."""
