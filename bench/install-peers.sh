#!/usr/bin/env bash
# Builds the peers in other languages, from the distribution's packages: Go, Boost.Fiber; and asyncio, with python3.
# Without this the benchmark leaves them out.
set -euo pipefail
cd "$(dirname "$0")"
if command -v apt-get >/dev/null && ! { command -v go >/dev/null && [ -e /usr/include/boost/fiber/all.hpp ]; }; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        golang-go g++ libboost-fiber-dev libboost-context-dev python3
fi
mkdir -p target/peers
go build -o target/peers/go go/main.go
g++ -O2 -o target/peers/boost_fiber boost/main.cpp -lboost_fiber -lboost_context
install -m 755 python/asyncio_peer.py target/peers/asyncio
ls -l target/peers
