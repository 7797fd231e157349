"""The only room that writes what a run leaves behind."""
