"""GCFREEZE_MODE=immortal: what data sets are made of, with pandas, PyArrow, SciPy, attrs, msgspec and pydantic."""

import pytest
from immortal import whole
from kinds import copied, packaged


@pytest.fixture
def interpreter():
    return packaged("frames")


FRAMES = """
import attrs, msgspec, pydantic
import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse
@attrs.define
class Attrs:
    x: int
    y: list
class Model(pydantic.BaseModel):
    x: int
    y: list
class Struct(msgspec.Struct, weakref=True):
    x: int
    y: list
class Finalized(msgspec.Struct):
    x: int
    def __del__(self): say("end of a structure")
def column(make):
    return pd.DataFrame({"it": pd.Series([make(i) for i in range(4000)], dtype=object), "number": range(4000)})
def cells(frame): return frame["it"].array._ndarray
COLUMN, TEXTS = column(lambda i: {"a": [i + 1000]}), column(lambda i: "text %d" % i)
INDEX = pd.Series(range(4000), index=pd.Index(["key %d" % i for i in range(4000)], dtype=object))
CODES = pd.Categorical(pd.Series(["code %d" % i for i in range(4000)], dtype=object))
KINDS = {
    "column": lambda i: [i + 1000, cells(COLUMN)[i:i + 1]],
    "texts": lambda i: [i + 1000, cells(TEXTS)[i:i + 1]],
    "index": lambda i: [i + 1000, INDEX.index.array._ndarray[i:i + 1]],
    "categories": lambda i: [i + 1000, CODES.categories.array._ndarray[i:i + 1]],
    "time": lambda i: [pd.Timestamp(i, unit="s"), pd.Timedelta(i, unit="s"), pd.Interval(i, i + 1), pd.Period("2020-01"), pd.NaT, pd.NA],
    "attrs": lambda i: Attrs(i + 1000, [i]),
    "msgspec": lambda i: Struct(i + 1000, [i]),
    "pydantic": lambda i: Model(x=i + 1000, y=[i]),
}
"""


def test_records_are_shared(interpreter, tmp_path):
    figures = copied(interpreter, tmp_path, FRAMES)
    assert {kind: pair for kind, pair in figures.items() if pair[0] < 300 or pair[1] > 0.15 * pair[0]} == {}


BEFORE = FRAMES + """
import tempfile
class End:
    def __init__(self, name): self.name = name
    def __del__(self): say("end of", self.name)
FILE = tempfile.NamedTemporaryFile(suffix=".arrow")
with pa.OSFile(FILE.name, "wb") as out:
    with pa.ipc.new_file(out, pa.schema([("a", pa.int64())])) as writer:
        writer.write(pa.record_batch({"a": list(range(2000))}))
STRUCTS = {"it": Struct(1, [2]), "held": Struct(2, []), "end": Finalized(3)}
import weakref
REFERENCE = weakref.ref(STRUCTS["held"], lambda _: say("end of what is held"))
def mapped(): return sum(FILE.name in line for line in open("/proc/self/maps"))
def read(): return pa.ipc.open_file(pa.memory_map(FILE.name)).read_all()
TABLE, RECORDS = {"it": read()}, [{"id": 1, "it": read()["a"].chunk(0).to_numpy()[10:20]}, {"id": 2, "it": read()["a"][7]}]
FRAME = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", None], "z": [[1], {2}, "c"], "w": pd.to_datetime(["2020-01-01"] * 3)})
SLICE, ENDS = FRAME[["x", "z"]], [pd.DataFrame({"it": [End("a cell"), None]})]
VIEW = FRAME["x"]
GROUPS = FRAME.groupby("x")
SPARSE = scipy.sparse.csr_matrix(np.eye(3))
SCALARS = [{"it": pa.scalar("text")}, {"it": pa.array(["a", None])}, pa.table({"a": [1, 2]})]
THINGS = [Attrs(1, [2]), Model(x=1, y=[2]), pd.Timestamp("2020-01-01", tz="Europe/Berlin"), pd.offsets.MonthEnd(2)]
"""

AFTER = """
say_all(mapped())
del TABLE["it"]
say_all(mapped(), RECORDS[0]["it"].tolist(), RECORDS[1]["it"].as_py())
RECORDS.pop()
say_all(mapped())
RECORDS = None
say_all(mapped())
FRAME.loc[0, "x"] = 9
SLICE.loc[1, "x"] = 8
FRAME.at[0, "z"].append(5)
VIEW.iloc[2] = 7
say_all(FRAME.to_dict("list"), SLICE.to_dict("list"), VIEW.tolist())
ENDS = None
say_all(GROUPS["x"].sum().tolist(), (SPARSE + SPARSE).toarray().tolist(), FRAME["y"].isna().sum(), FRAME.sort_values("x").index.tolist())
say_all([record["it"].tolist() for record in SCALARS[1:2]], SCALARS[0]["it"].as_py(), SCALARS[2].to_pydict())
THINGS[0].y.append(3)
THINGS[1].y.append(3)
say_all(THINGS, THINGS[2] + pd.Timedelta("1h"), THINGS[2] + THINGS[3], THINGS[1].model_dump_json(), pd.NaT is pd.NaT)
say_all(STRUCTS["it"], msgspec.json.encode(STRUCTS["it"]), INDEX.loc["key 7"], CODES.codes[5], TEXTS["it"].str.upper()[3], COLUMN["it"][4])
COLUMN["it"][4]["a"].append(1)
COLUMN.loc[5, "it"] = "new"
del FRAME, SLICE, VIEW
del STRUCTS["held"], STRUCTS["end"]
STRUCTS["it"].y = [3]
say_all(COLUMN["it"][4], COLUMN["it"][5], len(COLUMN))
"""


def test_frames_and_tables_do_what_they_do(interpreter, compare):
    program = whole(BEFORE, AFTER)
    outcome = compare(None, program, command=[interpreter.path, "-W", "ignore", str(compare.script)], MODE="immortal")
    assert "immortal=" in outcome.stderr
