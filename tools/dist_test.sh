#!/usr/bin/env bash
# Usage: dist_test.sh CONFIG CHECKPOINT GPUS [arguments of test.py]
# For several machines set NNODES, NODE_RANK, MASTER_ADDR and PORT. Without a GPU,
# GPUS is the number of processes on the CPU.
set -euo pipefail

CONFIG=$1
CHECKPOINT=$2
GPUS=$3
shift 3
TOOLS=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec python "$TOOLS/launch.py" \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
