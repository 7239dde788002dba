"""Looks at something while something else happens."""

import threading


class Watch:
    """All that was seen while this was open, every so many seconds."""

    def __init__(self, look, every):
        self.look, self.every = look, every
        self.seen, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.over.wait(self.every):
            self.seen.append(self.look())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
