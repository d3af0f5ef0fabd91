"""The commands, one file per group. Heavy imports are deferred until a command runs,
so that ``--help`` is fast.
"""
