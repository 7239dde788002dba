"""GCFREEZE_MODE=immortal: what data sets are made of, with PyTorch."""

import pytest
from immortal import whole
from kinds import REPLACED, copied, modes_and_growth, packaged, start


@pytest.fixture
def interpreter():
    return packaged("torch")


TORCH_KINDS = """
import torch
BIG = torch.zeros((4000, 16))
KINDS = {
    "tensor": lambda i: torch.arange(i, i + 16),
    "view": lambda i: BIG[i],
    "from numpy": lambda i: torch.from_numpy(BIG[i].numpy()),
    "others": lambda i: [torch.Size([i + 1000, 2]), torch.float32, torch.device("cpu"), torch.strided, [i]],
}
"""


def test_records_with_tensors_are_shared_but_for_the_tensors(interpreter, tmp_path):
    figures = copied(interpreter, tmp_path, TORCH_KINDS)
    assert {kind: pair for kind, pair in figures.items() if pair[0] < 300 or pair[1] > 0.7 * pair[0]} == {}
    assert figures["others"][1] <= 100


TORCH_BEFORE = """
import warnings
warnings.simplefilter("ignore")
import tempfile, weakref
import numpy as np
import torch
torch.set_num_threads(1)
class End:
    def __init__(self, name): self.name = name
    def __del__(self): say("end of", self.name)
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.end = End("a graph")
        return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
class Sub(torch.Tensor): pass
def descriptors(): return len(os.listdir("/proc/self/fd"))
NONE = descriptors()
torch.multiprocessing.set_sharing_strategy("file_descriptor")
SHARED = [{"it": torch.zeros(4).share_memory_()} for _ in range(3)]
PLAIN, HELD = torch.arange(4.0), {"it": torch.arange(6), "view": torch.arange(12)[3:9]}
WATCHED = {"it": torch.zeros(3)}
REFERENCE = weakref.ref(WATCHED["it"], lambda _: say("end of a tensor"))
NAMED = {"it": torch.zeros(3)}
NAMED["it"].end = End("an attribute")
WEIGHT = torch.ones(3, requires_grad=True)
GRAPH = [{"it": Double.apply(WEIGHT)}]
HOOKED = {"it": torch.ones(3, requires_grad=True)}
HOOKED["it"].register_hook(lambda g, end=End("a hook"): g)
MODEL = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
OPTIMIZER = torch.optim.SGD(MODEL.parameters(), lr=0.1)
OTHERS = [torch.zeros(2).as_subclass(Sub), torch.eye(2).to_sparse(), torch.zeros(2, device="meta").shape, torch.tensor(3)]
FROM = np.arange(4)
OVER = {"it": torch.from_numpy(FROM)}
FILE = tempfile.NamedTemporaryFile()
torch.save(torch.arange(4), FILE.name)
LOADED = {"it": torch.load(FILE.name)}
"""
TORCH_AFTER = """
say_all(descriptors() - NONE - 1)
SHARED.pop()
say_all(descriptors() - NONE - 1)
SHARED = None
say_all(descriptors() - NONE - 1)
PLAIN.add_(1)
HELD["view"].mul_(2)
HELD["it"].resize_(8)[6:] = 0
say_all(PLAIN, HELD, torch.stack([PLAIN, PLAIN]).sum(), HELD["view"]._base.shape)
WATCHED.clear()
NAMED = None
GRAPH[0]["it"].sum().backward()
say_all(WEIGHT.grad)
GRAPH = None
HOOKED = None
torch.manual_seed(1)
loss = MODEL(torch.ones(1, 3)).sum()
loss.backward()
OPTIMIZER.step()
say_all(len(MODEL.state_dict()), OTHERS)
FROM[0] = 9
say_all(OVER, LOADED, [tensor.sum().item() for tensor in (PLAIN, HELD["it"])])
del OVER["it"], LOADED["it"], HELD["it"]
say_all(HELD, FROM)
"""


def test_tensors_do_what_they_do(interpreter, compare):
    program = whole(TORCH_BEFORE, TORCH_AFTER)
    outcome = compare(None, program, command=[interpreter.path, str(compare.script)], MODE="immortal")
    assert "immortal=" in outcome.stderr


ASKED = """
import torch
from torch.overrides import TorchFunctionMode
asked = []
class Asked(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        asked.append(function)
        return function(*arguments, **(keywords or {}))
DATA = [{"it": torch.zeros(3)} for _ in range(100)]
with Asked():
    if fork():
        os._exit(0)
tell(asked=len(asked))
os._exit(0)
"""


def test_a_mode_of_torch_is_not_asked(interpreter, tmp_path):
    [told], [event] = start(interpreter, tmp_path, ASKED)
    assert told["asked"] == 0
    assert event["complete"]


@pytest.mark.parametrize("kind", ["torch.ones((2, 1 << 17))[0].detach()"])
def test_data_of_tensors_is_bounded(interpreter, tmp_path, kind):
    modes, growth = modes_and_growth(interpreter, tmp_path, REPLACED % ("import torch", kind))
    assert modes[:2] == ["immortal"] * 2 and modes[-1] == "freeze"
    assert growth <= 1.25
