"""Draw, train and judge nano, the bundled model: part of the repository, not of the installed package."""
