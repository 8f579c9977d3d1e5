#!/bin/bash
# engine.sh - ./dev bench engine: what an event costs in user space, for 1 to 10,000 rules.
#
# Usage: bench/engine.sh [--falco FALCO.yaml] [--rules COUNT] [--benchmark_OPTION...]
#
# The same events are judged through the index and by a walk over all rules, in one run; with --falco also by the rules
# of a Falco file. --rules prints the generated rules. bench/engine.cc says how it measures.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
falco=()
if [[ $* != *--falco* && -e $root/../shared/falco/falco_rules.yaml ]]; then
  falco=(--falco "$root/../shared/falco/falco_rules.yaml")
fi
exec "$root/build/bench/engine" ${falco[@]+"${falco[@]}"} "$@"
