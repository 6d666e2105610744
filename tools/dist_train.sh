#!/usr/bin/env bash
# Usage: dist_train.sh CONFIG GPUS [arguments of train.py]
# For several machines set NNODES, NODE_RANK, MASTER_ADDR and PORT. Without a GPU,
# GPUS is the number of processes on the CPU.
# Processes that are told to stop have 30 seconds to save, or PET_SHUTDOWN_TIMEOUT.
set -euo pipefail

CONFIG=$1
GPUS=$2
shift 2
TOOLS=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" exec python "$TOOLS/launch.py" \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/train.py" "$CONFIG" --launcher pytorch "$@"
