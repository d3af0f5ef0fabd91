# Sourced by other scripts: installs requirements files, into .venv or another environment, hashes checked, by uv, or by pip where uv cannot.
export UV_SYSTEM_CERTS=1 # trust what the system trusts, as pip does; else uv fails behind a proxy that inspects TLS
UV=.venv/bin/uv

install_uv() {
    local wanted
    wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements-uv.txt)
    [ "$("$UV" --version 2>/dev/null | cut -d' ' -f2)" = "$wanted" ] || with_pip --require-hashes -r requirements-uv.txt
}

# pip and uv read different settings: where a mirror is set for pip alone, uv finds nothing.
# The files are complete, so nothing is looked up for what they name.
pinned() { pinned_for .venv/bin/python "$@"; }

pinned_for() { # PYTHON FILE…
    local python=$1 files=()
    for file in "${@:2}"; do files+=(-r "$file"); done
    "$UV" pip install --quiet --python "$python" --no-deps --require-hashes "${files[@]}" ||
        .venv/bin/python -m pip --python "$python" install --quiet --disable-pip-version-check --no-deps --require-hashes "${files[@]}"
}

with_pip() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
