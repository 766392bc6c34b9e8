#!/usr/bin/env python3
"""The answers of asyncio: `asyncio QUESTION WORKERS SIZE` prints the figures."""

import asyncio
import sys
import time


async def yields(tasks, total):
    async def task():
        for _ in range(total // tasks):
            await asyncio.sleep(0)

    start = time.perf_counter_ns()
    await asyncio.gather(*(task() for _ in range(tasks)))
    print((time.perf_counter_ns() - start) / (total // tasks * tasks))


async def spawn(tasks, batch):
    async def nothing():
        pass

    start = time.perf_counter_ns()
    for _ in range(tasks // batch):
        for task in [asyncio.create_task(nothing()) for _ in range(batch)]:
            await task
    print((time.perf_counter_ns() - start) / (tasks // batch * batch))


question, size = sys.argv[1], int(sys.argv[3]) // 10
name, _, number = question.partition("_")
if name == "yield":
    asyncio.run(yields(int(number), size))
else:
    asyncio.run(spawn(size, 1 if number == "seq" else 1000))
