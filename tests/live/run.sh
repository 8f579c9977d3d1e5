#!/usr/bin/env bash
# The live suite: rules against a real kernel. Runs as root in a guest:
#
#   ./dev vm --kernel 6.1 --script tests/live/run.sh [NAME...]     only the cases whose name contains a NAME
#
# Prints `PASS name`, `FAIL name: why` or `SKIP name: why` for each case and a closing count; status 1 on a failure.
# How a case is written: run.py.
exec python3 -u "$(dirname "${BASH_SOURCE[0]}")/run.py" "$@"
