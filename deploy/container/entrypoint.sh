#!/bin/sh
# Becomes the user that PUID and PGID name, then runs mediavault. A container started with --user keeps that user.
# It is the container's `mediavault` as well, so that `docker compose exec vault mediavault list` runs as that user.
# tini, which collects ended processes, runs as that user too: as root without CAP_KILL it could not pass on a signal.
set -eu
umask "${UMASK:-022}"
if [ $$ = 1 ]; then set -- tini -- /opt/mediavault/bin/mediavault "$@"; else set -- /opt/mediavault/bin/mediavault "$@"; fi
[ "$(id -u)" = 0 ] || exec "$@"

uid=${PUID:-1000} gid=${PGID:-1000}
case $uid$gid in
    *[!0-9]*)
        echo "mediavault: PUID and PGID are numbers, as \`id -u\` and \`id -g\` print them; they are '$uid' and '$gid'." >&2
        exit 64
        ;;
esac
if [ "$uid" = 0 ]; then
    echo "mediavault: PUID is 0. As root, Chromium has no sandbox: name an ordinary user." >&2
    exec "$@"
fi
become() { setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"; }
for folder in "$MEDIAVAULT_STATE_DIR" "$MEDIAVAULT_DOWNLOAD_DIR"; do
    # Only the folder itself: what is in it belongs to its owner, and may be millions of files.
    [ "$(stat -c %u:%g "$folder")" = "$uid:$gid" ] || chown "$uid:$gid" "$folder" \
        || echo "mediavault: $folder cannot be given to $uid:$gid. If it cannot be written, run: chown $uid:$gid on its folder" >&2
done
database=$MEDIAVAULT_STATE_DIR/mediavault.db
if become test -e "$database" && ! become test -w "$database"; then
    owner=$(become stat -c %u:%g "$database")
    echo "mediavault: $database belongs to $owner, and PUID:PGID is $uid:$gid. Set PUID and PGID back, or give $uid:$gid what is in both volumes: chown -R $uid:$gid on their folders." >&2
    exit 77
fi
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
