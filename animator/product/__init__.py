"""The product as triangles in the film's space: views, ray-cast passes, hints and clay; none of it needs torch."""
