#!/usr/bin/env bash
# Installs PACKAGE (a checkout, a wheel, or a requirement) with EXTRAS.
set -euo pipefail
pip install "$PACKAGE${EXTRAS:+[$EXTRAS]}"
