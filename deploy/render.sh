#!/usr/bin/env bash
# render.sh: prints the chart with its default values as plain manifests, in namespace runtimemap. deploy/runtimemap.yaml is its output.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cat <<'YAML'
# Written by deploy/render.sh from the chart's default values.
apiVersion: v1
kind: Namespace
metadata:
  name: runtimemap
  labels:
    # The agent sees the node's processes and loads eBPF programs.
    pod-security.kubernetes.io/enforce: privileged
YAML
# Nobody has to have helm to use them, so nothing says that helm manages them.
helm template runtimemap "$here/chart" --namespace runtimemap --no-hooks 2>/dev/null |
    sed -e '/^ *helm.sh\/chart: /d' -e '/^ *app.kubernetes.io\/managed-by: /d'
