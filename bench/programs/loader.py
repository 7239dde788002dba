"""Loads batches of a data set in worker processes, the way torch.utils.data.DataLoader does, without torch.

Each worker is a forked process of its own with a queue of indices; one queue, with a feeder thread in each
worker, brings all results back. Workers are new for each pass over the data, and end with it.
"""

import multiprocessing
import random


def work(dataset, indices, results, collate):
    for number, chosen in iter(indices.get, None):
        results.put((number, collate([dataset[index] for index in chosen])))


class Pass:
    """One pass over the data set: an iterator of batches, in order."""

    def __init__(self, loader):
        self.batches = enumerate(loader.sample())
        self.waiting = {}  # {number: a batch that came before its turn}
        self.sent = self.given = 0
        self.results = loader.context.Queue()
        self.queues, self.workers = [], []
        for _ in range(loader.num_workers):
            indices = loader.context.Queue()
            indices.cancel_join_thread()
            handed = loader.dataset, indices, self.results, loader.collate_fn
            worker = loader.context.Process(target=work, args=handed, daemon=True)
            worker.start()
            self.queues.append(indices)
            self.workers.append(worker)
        for _ in range(loader.prefetch_factor * loader.num_workers):
            self.send()

    def send(self):
        for number, chosen in self.batches:
            self.queues[number % len(self.queues)].put((number, chosen))
            self.sent += 1
            return

    def __iter__(self):
        return self

    def __next__(self):
        if self.given == self.sent:
            self.end()
            raise StopIteration
        while self.given not in self.waiting:
            number, batch = self.results.get()
            self.waiting[number] = batch
        self.given += 1
        self.send()
        return self.waiting.pop(self.given - 1)

    def end(self):
        for indices in self.queues:
            indices.put(None)
        for worker in self.workers:
            worker.join()
        for queue in [*self.queues, self.results]:
            queue.close()


class DataLoader:
    """Its arguments are those of torch's, which say what they are for."""

    def __init__(self, dataset, batch_size=1, shuffle=False, num_workers=1, collate_fn=list,
                 prefetch_factor=2, multiprocessing_context="fork"):  # fmt: skip
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.num_workers, self.prefetch_factor, self.collate_fn = num_workers, prefetch_factor, collate_fn
        self.context = multiprocessing.get_context(multiprocessing_context)

    def sample(self):
        """The indices of each batch."""
        order = list(range(len(self.dataset)))
        if self.shuffle:
            random.shuffle(order)
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def __iter__(self):
        return Pass(self)
