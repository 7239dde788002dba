"""A random graph of preloaded objects, some of which say their end; a worker and its parent add to it, and end.

A module: `python -c "import ends; ends.main()" SEED FOLDER`, so that it is preloaded like an application.
"""

import collections
import functools
import gc
import os
import random
import sys
import types

CHANCE = random.Random(int(sys.argv[1]))
KINDS = ["ending", "writer", "generator", "list", "dict", "plain", "slots", "deque", "words", "class"]
KINDS += ["function", "method"]
WHO = ["parent"]
HEAP = [[number] for number in range(12000)]
NUMBERS = iter(range(10**9))


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Plain:
    def method(self):
        return self


class Slots:
    __slots__ = ("a", "b", "__weakref__")


class Words(dict):
    pass


class Ending(Plain):
    def __init__(self):
        self.number = next(NUMBERS)

    def __del__(self):
        say(WHO[0], "end", self.number, os.path.basename("modules/are whole"))


class Writer:
    def __init__(self):
        self.file = open(os.path.join(sys.argv[2], "%d" % next(NUMBERS)), "a")
        self.put = self.file.write


def generate(held, number):
    try:
        yield held
    finally:
        say(WHO[0], "finally", number)


def make(objects):
    held = []
    kind = CHANCE.choice(KINDS)
    if kind == "generator":
        objects.append(held)
        generator = generate(held, next(NUMBERS))
        next(generator)
        return generator
    if kind == "function":
        objects.append(held)
        return lambda: held
    if kind == "class":
        return type("Class", (Plain,), {})
    makers = {"ending": Ending, "writer": Writer, "list": list, "dict": dict, "plain": Plain, "slots": Slots}
    makers.update(deque=collections.deque, words=Words, method=lambda: Plain().method)
    return makers[kind]()


def link(one, other):
    if isinstance(one, (list, collections.deque)):
        one.append(other)
    elif isinstance(one, dict):
        one[len(one)] = other
    elif isinstance(one, Slots):
        setattr(one, CHANCE.choice("ab"), other)
    elif isinstance(one, (Plain, Writer, type, types.FunctionType)):
        setattr(one, CHANCE.choice("xyz"), other)
    elif isinstance(one, types.MethodType):
        one.__self__.y = other


def wrap(thing):
    return CHANCE.choice([lambda it: (it,), lambda it: functools.partial(say, it), lambda it: it])(thing)


def grow(objects, count):
    objects += [make(objects) for _ in range(count)]
    for _ in range(2 * count):
        link(CHANCE.choice(objects), wrap(CHANCE.choice(objects)))


def work(who):
    WHO[0] = who
    CHANCE.seed(who + sys.argv[1])
    objects = list(NAMES.values()) + KEPT["some"]
    grow(objects, 20)
    NAMES[CHANCE.randrange(12)] = CHANCE.choice(objects)
    KEPT["some"].append(CHANCE.choice(objects))
    for thing in objects:
        if isinstance(thing, Writer):
            thing.put(who + " ")
    if CHANCE.random() < 0.5:
        gc.collect()


def main():
    pid = os.fork()
    if pid:
        say("exit status", os.waitpid(pid, 0)[1])
    work("parent" if pid else "child")


def preload():
    objects = []
    grow(objects, 60)
    NAMES.update((number, CHANCE.choice(objects)) for number in range(12))
    KEPT["some"] = [CHANCE.choice(objects) for _ in range(5)]
    if CHANCE.random() < 0.3:
        KEPT["all"] = objects


NAMES, KEPT = {}, {}
preload()
