"""Images that stay on the GPU between painting passes, and the image operations on them as torch tensors."""
