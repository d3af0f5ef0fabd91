"""Pages with the players that sites really use, at pinned versions,
and the streams that they play.
"""
