#!/usr/bin/env bash
# Builds the peers in other languages, from the distribution's packages: Go, Boost.Fiber; and asyncio and uvloop, with python3; and wrk.
# Without this the benchmark leaves them out.
set -euo pipefail
cd "$(dirname "$0")"
if command -v apt-get >/dev/null && ! { command -v go >/dev/null && command -v wrk >/dev/null && [ -e /usr/include/boost/fiber/all.hpp ]; }; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        golang-go g++ libboost-fiber-dev libboost-context-dev python3 python3-venv wrk
fi
mkdir -p target/peers
go build -o target/peers/go go/main.go go/servers.go
g++ -O2 -o target/peers/boost_fiber boost/main.cpp -lboost_fiber -lboost_context
install -m 755 python/asyncio_peer.py target/peers/asyncio
python3 -m venv target/venv
target/venv/bin/pip install --quiet uvloop
printf '#!/bin/sh\nexec "%s/target/venv/bin/python3" "%s/python/uvloop_peer.py" "$@"\n' "$PWD" "$PWD" >target/peers/uvloop
chmod +x target/peers/uvloop
ls -l target/peers
