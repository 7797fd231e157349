"""The painters. With nano/ and train/ the only room that knows torch."""

import os

# Their notices about themselves are no news to a user; what goes wrong still comes as an exception.
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
