"""A heap of about 150 MB, a forked child, and a full collection in the child on command.

usage: python -m bench.programs.heap plain | hand

`hand` does what the documentation of gc.freeze() recommends. Out comes the child's pid, then a line
when it has started and a line when it has collected; it goes on with each line that comes in.
"""

import gc
import os
import sys

by_hand = sys.argv[1] == "hand"
if by_hand:
    gc.disable()

from bench.workloads import catalogue, documents  # after the switch: it counts as loading

heap = catalogue.build(80), documents.build(70)

if by_hand:
    gc.freeze()
pid = os.fork()
if pid == 0:
    if by_hand:
        gc.enable()
    os.write(1, b"%d\n" % os.getpid())
    os.read(0, 1)
    gc.collect()
    os.write(1, b"collected\n")
    os.read(0, 1)
    os._exit(0)
_, status = os.waitpid(pid, 0)
sys.exit(status != 0)
