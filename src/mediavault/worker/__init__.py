"""The background worker: claims jobs and takes each through the ten stages.
Read pipeline.py first.
"""
