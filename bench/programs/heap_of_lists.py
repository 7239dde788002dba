"""As many megabytes of Python objects as the second argument says, the fastest way there is: lists with
one number each. A module of its own, since what `__main__` holds stays mortal."""

import gc
import sys

BYTES = 120  # a list 64, its array 16, its number 32, and the pointer to it 8

gc.disable()  # it would visit what has been made, again and again; the library asks for no such thing
heap = [[number] for number in range(int(sys.argv[1]) * 1024 * 1024 // BYTES)]
gc.enable()
