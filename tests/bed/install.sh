#!/usr/bin/env bash
# install.sh [SETTING…]: the chart, with the images of the suite, a learning period that a test can wait for, and further settings.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
helm upgrade --install runtimemap "$here/../../deploy/chart" --namespace runtimemap --create-namespace --wait --timeout 120s \
    --values "$here/values.yaml" "${@/#/--set=}" 2>&1 >/dev/null | { grep -v 'found symbolic link' >&2 || true; }
