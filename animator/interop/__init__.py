"""Other tools' files → our schedule files, and the other way round."""
