"""Sound: a track read, its loudness, bands, onsets and beats heard."""
