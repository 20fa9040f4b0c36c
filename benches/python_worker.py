"""Python's functions as peers of the benchmark: shutil.copyfile, and the package's own. Copies what it is told on standard input.
Answers with the nanoseconds that the copies took by its own clocks, of the wall and of the CPU: no interpreter start in them."""

import importlib
import sys
import time


def copy_all(copy, pairs):
    start, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for src, dst in pairs:
        copy(src, dst)
    return time.perf_counter_ns() - start, time.thread_time_ns() - cpu


def main():
    for line in iter(sys.stdin.readline, ""):
        function, src, dst, *numbers = line.split()
        module, _, name = function.partition(".")
        copy = getattr(importlib.import_module(module), name)
        if numbers:
            first, last = map(int, numbers)
            pairs = [(f"{src}/{i:06d}", f"{dst}/{i:06d}") for i in range(first, last)]
        else:
            pairs = [(src, dst)]
        print(*copy_all(copy, pairs), flush=True)


main()
