"""The commands, one file a group. Nothing heavy is imported before a command runs, so that ``--help`` answers at once."""
