"""The bundled model nano: its drawn images, its training and its evaluation; not part of the installed package."""
