"""The composition root: the only place that names concrete classes.
Everything else is handed its ports.
"""
