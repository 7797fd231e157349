"""Schedule files: parsing, composing, validation and resolution into a `Scene`."""
