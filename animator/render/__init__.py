"""The frame loop and its stages."""
