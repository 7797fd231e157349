"""HTML for browsers and notebooks: strings with all images embedded, so that no server is needed."""
