"""Takes over a folder of videos that other programs saved."""
