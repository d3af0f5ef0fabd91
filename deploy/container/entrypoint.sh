#!/bin/sh
# Becomes the user that PUID and PGID name, then runs mediavault. A container started with --user keeps that user.
# tini, which collects ended processes, runs as that user too: as root without CAP_KILL it could not pass on a signal.
set -eu
umask "${UMASK:-022}"
[ "$(id -u)" = 0 ] || exec tini -- mediavault "$@"

uid=${PUID:-1000} gid=${PGID:-1000}
if [ "$uid" = 0 ]; then
    echo "mediavault: PUID is 0. As root, Chromium has no sandbox: name an ordinary user." >&2
    exec tini -- mediavault "$@"
fi
for folder in "$MEDIAVAULT_STATE_DIR" "$MEDIAVAULT_DOWNLOAD_DIR"; do
    # Only the folder itself: what is in it belongs to its owner, and may be millions of files.
    [ "$(stat -c %u:%g "$folder")" = "$uid:$gid" ] || chown "$uid:$gid" "$folder" \
        || echo "mediavault: $folder cannot be given to $uid:$gid. If it cannot be written, run: chown $uid:$gid on its folder" >&2
done
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- tini -- mediavault "$@"
