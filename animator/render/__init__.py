"""The frame loop, its painters and its stages."""
