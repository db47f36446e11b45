#!/bin/sh
# Starts ALL Station from wherever this folder lies, such as a USB stick. Settings, models and cases are kept in the
# folder `profile` beside this file when it can be written, else in the usual places of the user's home.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
if mkdir -p "$here/profile" 2>/dev/null && [ -w "$here/profile" ]; then
    ALLSTATION_PROFILE="$here/profile"
    export ALLSTATION_PROFILE
fi
exec "$here/allstation" "$@"
