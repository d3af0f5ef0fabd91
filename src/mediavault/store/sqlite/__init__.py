"""The store of one machine: an SQLite file, one thread that writes and one that reads."""
