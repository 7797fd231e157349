"""Import other programs' files as schedule files, and export scenes as Deforum settings."""
