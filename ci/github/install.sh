#!/usr/bin/env bash
# Installs PACKAGE (a checkout, a wheel, or a requirement) with EXTRAS.
set -euo pipefail
name=$PACKAGE version=
# Extras stand before what a requirement says about the version: trusteq[onnx]==0.2.0.
if [ ! -e "$PACKAGE" ] && [[ $PACKAGE =~ ^([A-Za-z0-9._-]+)[[:space:]]*([=\<\>!~@].*)$ ]]; then
  name=${BASH_REMATCH[1]} version=${BASH_REMATCH[2]}
fi
pip install "$name${EXTRAS:+[$EXTRAS]}$version"
