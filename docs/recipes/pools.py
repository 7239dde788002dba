# /srv/app/pools.py: a table that each task reads
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from project import answer, load, questions, tell

FORK = multiprocessing.get_context("fork")  # from Python 3.14 on, this has to be said
RECORDS = load()  # workers find it where the parent has it
KEPT = []


def by_global(question):
    return answer(question, RECORDS)


def keep(records):
    KEPT.append(records)


def by_argument(question):
    return answer(question, KEPT[0])


def main():
    with FORK.Pool(4) as pool:
        tell(pool.map(by_global, questions(), chunksize=1))
    with ProcessPoolExecutor(4, FORK) as executor:
        tell(executor.map(by_global, questions()))
    # handed to each worker when it starts: an argument of a task would be pickled for each task
    records = load()
    with FORK.Pool(4, initializer=keep, initargs=(records,)) as pool:
        tell(pool.map(by_argument, questions(), chunksize=1))
    with ProcessPoolExecutor(4, FORK, initializer=keep, initargs=(records,)) as executor:
        tell(executor.map(by_argument, questions()))


if __name__ == "__main__":
    main()
