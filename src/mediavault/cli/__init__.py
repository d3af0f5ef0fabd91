"""The commands, one file per group. Heavy imports wait until a command runs, so that ``--help`` is fast."""
