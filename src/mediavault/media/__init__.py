"""What a media file is, whether it is whole, and how tracks become one MP4."""
