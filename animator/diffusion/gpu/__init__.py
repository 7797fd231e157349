"""Pictures that stay on the device that paints them: what pixels/ does to arrays, done to tensors there."""
