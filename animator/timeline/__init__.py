"""What every frame needs, before any pixel exists."""
