"""Files of a run: frames, journal, video and everything made from them."""
