"""Writes PyTorch checkpoints of every pickle protocol and in several forms, and expected.json, what PyTorch reads of them.

usage: make.py      needs: torch numpy
"""
import json
import os
import tarfile
import zipfile
from collections import OrderedDict, defaultdict

import numpy
import torch

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20230513)


def at(name):
    return os.path.join(here, name)


def tensors():
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
    marked = torch.nn.Parameter(torch.randn(2, 2))
    marked.note = "kept beside the parameter"
    state = OrderedDict(
        whole=whole,
        part=whole[1:, 1:3],          # another view of the same storage
        turned=whole.t(),
        half=torch.randn(3).half(),
        brain=torch.randn(3).bfloat16(),
        double=torch.randn(2, dtype=torch.float64),
        parameter=torch.nn.Parameter(torch.randn(2, 3), requires_grad=False),
        marked=marked,
        buffer=torch.nn.Buffer(torch.randn(2)),
        scalar=torch.tensor(1.5),
        empty=torch.zeros(0, 3),
        single=torch.randn(3, 1),
    )
    state._metadata = OrderedDict({"": {"version": 1}})
    return state


def save(state, name, protocol=2, **keywords):
    torch.save(state, at(name), pickle_protocol=protocol, **keywords)


state = tensors()
narrow = OrderedDict(e4m3=torch.tensor([1.0, -0.5, 448.0]).to(torch.float8_e4m3fn),
                     e5m2=torch.tensor([1.0, -0.5, 57344.0]).to(torch.float8_e5m2))
beside = {"epoch": 3, "done": True, "nothing": None, "loss": 0.25, "name": "run", "size": torch.Size([2, 3]), "tags": {"a", "b"},
          "raw": b"bytes", "long": "x" * 300, "more": bytearray(b"abc"), "counts": defaultdict(int, a=1), "big": 1 << 70}
for protocol in range(2, 6):
    save(state, f"zip{protocol}.bin", protocol)
    save(state, f"row{protocol}.bin", protocol, _use_new_zipfile_serialization=False)
save(OrderedDict(list(state.items()) + list(narrow.items())), "narrow.bin", 4)
optimizer = {"state": {0: {"exp_avg": torch.randn(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
save({**beside, "state_dict": state, "optimizer": optimizer}, "training.bin", 4)
save({**state, **beside}, "beside.bin", 5)

# What is refused.
small = {"w": torch.ones(2)}
save({"model": small, "state_dict": small}, "two.bin")
save({"generator": small, "critic": small}, "other.bin")
save({"epoch": 3, "loss": 0.5}, "none.bin")
save({**small, "optimizer": optimizer}, "mixed.bin")
save(torch.nn.Linear(2, 2), "module.bin")
save([torch.ones(2)], "list.bin")
save({**small, "s": torch.eye(2).to_sparse()}, "sparse.bin")
save({**small, "q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, "quantized.bin")
save({**small, "n": torch._neg_view(torch.ones(2))}, "negated.bin")
save({**small, "a": numpy.ones(2, numpy.float32)}, "numpy.bin")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), at("script.bin"))
with zipfile.ZipFile(at("zip2.bin")) as source, zipfile.ZipFile(at("big.bin"), "w") as target:
    for member in source.infolist():
        content = source.read(member)
        target.writestr(member.filename, b"big" if member.filename.endswith("/byteorder") else content)
with tarfile.open(at("tar.bin"), "w", format=tarfile.USTAR_FORMAT) as archive:
    for part in ["sys_info", "pickle", "storages", "tensors"]:
        archive.addfile(tarfile.TarInfo(part))


def plain(tensor):
    return [list(tensor.shape), tensor.detach().to(torch.float64).flatten().tolist()]


expected = {}
for name in sorted(os.listdir(here)):
    if name.startswith(("zip", "row", "narrow", "beside", "training")):
        read = torch.load(at(name), weights_only=False)
        read = read.get("state_dict", read)
        expected[name] = {key: plain(value) for key, value in read.items() if isinstance(value, torch.Tensor)}
with open(at("expected.json"), "w") as out:
    out.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(of)}" for name, of in expected.items()) + "\n}\n")
