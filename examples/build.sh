#!/usr/bin/env bash
# Builds examples/shop.tar.gz, the image that the README's first command scans:
# three Debian packages of an old release in distroless form, three old npm
# packages and a small Go program, in the archive form of docker save.
# Needs go, npm, mmdebstrap and dpkg-deb, as root on Debian; no container engine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
epoch=1700000000 # every time in the image, so that a rebuild differs only in what it holds

# Layer 1: Debian packages, unpacked and listed as distroless does it.
mkdir -p "$work/debs" "$work/base/var/lib/dpkg/status.d"
# The release itself, without its security updates, so that there is something to find.
packages="base-files netbase zlib1g libexpat1"
chmod 755 "$work" && chmod 777 "$work/debs"
mmdebstrap --quiet --variant=custom --customize-hook="cd $work/debs &&
  APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get download -qq $(printf '%s/bullseye ' $packages)" \
  bullseye "$work/empty" >/dev/null
for name in $packages; do
  deb=$(ls "$work/debs/${name}_"*.deb)
  dpkg-deb --extract "$deb" "$work/base"
  dpkg-deb --field "$deb" >"$work/base/var/lib/dpkg/status.d/$name"
  dpkg-deb --control "$deb" "$work/control"
  if [ -f "$work/control/md5sums" ]; then
    cp "$work/control/md5sums" "$work/base/var/lib/dpkg/status.d/$name.md5sums"
  fi
  rm -rf "$work/control"
done
rm -rf "$work/base/usr/share/man"
find "$work/base/usr/share/doc" -type f ! -name copyright -delete

# Layer 2: npm packages. Layer 3: the program.
mkdir -p "$work/node/app"
(cd "$work/node/app" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts \
  minimist@0.0.8 lodash.template@4.4.0 jsonwebtoken@8.5.1 && rm -f package.json node_modules/.package-lock.json)
mkdir -p "$work/bin/app"
(cd "$here/server" && CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags '-s -w' -o "$work/bin/app/server" .)

# The archive: layers, config, manifest.
mkdir "$work/image"
pack() { tar -C "$1" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu -cf "$2" .; }
diff_ids=()
for layer in base node bin; do
  pack "$work/$layer" "$work/image/$layer.tar"
  diff_ids+=("\"sha256:$(sha256sum "$work/image/$layer.tar" | cut -d' ' -f1)\"")
done
ids=$(IFS=,; echo "${diff_ids[*]}")
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
cat >"$work/config.json" <<JSON
{"architecture":"amd64","os":"linux","created":"$created","config":{"User":"0","WorkingDir":"/app","Entrypoint":["/app/server"]},
"rootfs":{"type":"layers","diff_ids":[$ids]},"history":[
{"created":"$created","created_by":"ADD base / # four packages of Debian 11"},
{"created":"$created","created_by":"CMD [\"/bin/sh\"]","empty_layer":true},
{"created":"$created","created_by":"COPY node_modules /app/node_modules # buildkit"},
{"created":"$created","created_by":"COPY server /app/server # buildkit"},
{"created":"$created","created_by":"ENTRYPOINT [\"/app/server\"]","empty_layer":true}]}
JSON
config=$(sha256sum "$work/config.json" | cut -d' ' -f1).json
mv "$work/config.json" "$work/image/$config"
printf '[{"Config":"%s","RepoTags":["shop-api:1.4"],"Layers":["base.tar","node.tar","bin.tar"]}]' "$config" >"$work/image/manifest.json"
tar -C "$work/image" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu -cf - . |
  gzip -9n >"$here/shop.tar.gz"
ls -l "$here/shop.tar.gz"
