"""What a browser or a notebook shows of films: pure text, which carries its pictures and needs no server."""
