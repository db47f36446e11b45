#!/bin/sh
# Makes a disk image of the app bundle: sh make-dmg.sh "ALL Station.app" TARGET.dmg
#
# Signing is off unless these are set (see README): APPLE_IDENTITY, the name of a "Developer ID Application"
# certificate in the keychain; NOTARY_PROFILE, a profile stored with `xcrun notarytool store-credentials`.
# Without them the bundle gets the ad-hoc signature that Apple silicon needs to run it at all.
set -eu
app=$1
target=$2
identity=${APPLE_IDENTITY:--}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if [ "$identity" = "-" ]; then
    codesign --force --deep --sign - "$app"
else
    # From the inside out: libraries first, then the programs, then the bundle.
    find "$app/Contents" -type f \( -name '*.dylib' -o -name '*.so' \) -print0 |
        xargs -0 codesign --force --timestamp --options runtime --sign "$identity"
    codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" \
        --sign "$identity" "$app/Contents/MacOS/allstation-cli"
    codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" \
        --sign "$identity" "$app"
fi
codesign --verify --deep --strict "$app"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
rm -f "$target"
hdiutil create -volname "ALL Station" -srcfolder "$stage" -fs HFS+ -format UDZO "$target"

if [ -n "${NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$target" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$target"
fi
