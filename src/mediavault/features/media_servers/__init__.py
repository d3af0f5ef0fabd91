"""Media servers: Jellyfin, Emby and Plex are asked to look for new videos."""
