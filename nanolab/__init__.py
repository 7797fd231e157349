"""How nano, the bundled model, is drawn, trained and judged: part of the repository, not of the installed package."""
