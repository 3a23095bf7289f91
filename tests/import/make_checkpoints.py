#!/usr/bin/env python3
"""Makes the checkpoints that tests/import.rs reads, with PyTorch itself.

    make_checkpoints.py small DIR            the small files in tests/import/files; only needed to make them again
    make_checkpoints.py layouts WEIGHTS DIR  every layout that is read, with the tensors of a safetensors file
    make_checkpoints.py load FILE WEIGHTS    loads FILE into a module with the tensors of WEIGHTS, strictly, and compares
    make_checkpoints.py diffusers FILE WEIGHTS   loads FILE into diffusers' DiTTransformer2DModel and compares what it gives

Needs torch and safetensors; the last needs diffusers.
"""

import argparse
import collections
import json
import os
import sys

try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as e:
    print(f"SKIP {e.name} is not installed")
    sys.exit(77)


def tiny():
    """The tensors of DiT with input_size=2, patch_size=1, in_channels=1, num_classes=2, hidden_size=4, depth=2,
    num_heads=2 and mlp_ratio=1, under the names of the public code."""
    shapes = {
        "pos_embed": (1, 4, 4),
        "x_embedder.proj.weight": (4, 1, 1, 1),
        "x_embedder.proj.bias": (4,),
        "t_embedder.mlp.0.weight": (4, 256),
        "t_embedder.mlp.0.bias": (4,),
        "t_embedder.mlp.2.weight": (4, 4),
        "t_embedder.mlp.2.bias": (4,),
        "y_embedder.embedding_table.weight": (3, 4),
    }
    for i in range(2):
        for name, rows, columns in [("attn.qkv", 12, 4), ("attn.proj", 4, 4), ("mlp.fc1", 4, 4), ("mlp.fc2", 4, 4),
                                    ("adaLN_modulation.1", 24, 4)]:
            shapes[f"blocks.{i}.{name}.weight"] = (rows, columns)
            shapes[f"blocks.{i}.{name}.bias"] = (rows,)
    for name, rows in [("linear", 2), ("adaLN_modulation.1", 8)]:
        shapes[f"final_layer.{name}.weight"] = (rows, 4)
        shapes[f"final_layer.{name}.bias"] = (rows,)
    tensors = collections.OrderedDict()
    for k, (name, shape) in enumerate(shapes.items()):
        # Sixteenths: exact in every type of number, and all different enough to tell tensors apart.
        count = torch.arange(torch.Size(shape).numel())
        tensors[name] = (((count * 7 + k * 5) % 41 - 20) / 16).reshape(shape)
    tensors["pos_embed"] = positions()
    return tensors


def positions():
    """The table of positions of the public code for two by two tokens of width four."""
    line = torch.arange(2, dtype=torch.float64)
    column, row = torch.meshgrid(line, line, indexing="xy")
    halves = [torch.stack([torch.sin(x.flatten()), torch.cos(x.flatten())], 1) for x in (column, row)]
    return torch.cat(halves, 1).float().unsqueeze(0)


class Skeleton(torch.nn.Module):
    """A module that has tensors under given names and computes nothing."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            module = self
            for part in path:
                if part not in dict(module.named_children()):
                    module.add_module(part, torch.nn.Module())
                module = getattr(module, part)
            module.register_parameter(last, torch.nn.Parameter(tensor.clone()))


def training(tensors):
    """What the public training scripts save: model, average, optimizer and arguments."""
    model = Skeleton({n: t + 0.25 for n, t in tensors.items()})
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in ("x_embedder.proj.bias", "pos_embed")
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    sum(p.sum() for p in model.parameters() if p.requires_grad).backward()
    optimizer.step()
    model.load_state_dict({n: t + 0.25 for n, t in tensors.items()})
    return {
        "model": model.state_dict(),
        "ema": collections.OrderedDict((n, t.clone()) for n, t in tensors.items()),
        "opt": optimizer.state_dict(),
        "args": argparse.Namespace(model="DiT-XL/2", image_size=256, epochs=1400, lr=1e-4, ckpt=None, tags=["a", 1.5]),
    }


def diffusers_names(tensors):
    """The same weights as diffusers names them: three matrices for one, embedders in every block."""
    out = {}
    depth = len({n.split(".")[1] for n in tensors if n.startswith("blocks.")})
    renamed = {"attn.proj": "attn1.to_out.0", "mlp.fc1": "ff.net.0.proj", "mlp.fc2": "ff.net.2",
               "adaLN_modulation.1": "norm1.linear"}
    for name, tensor in tensors.items():
        words = name.split(".")
        last = words[-1]
        if name == "pos_embed":
            continue
        if words[0] == "x_embedder":
            out[f"pos_embed.proj.{last}"] = tensor
        elif words[0] == "t_embedder":
            layer = {"0": "linear_1", "2": "linear_2"}[words[2]]
            for i in range(depth):
                out[f"transformer_blocks.{i}.norm1.emb.timestep_embedder.{layer}.{last}"] = tensor.clone()
        elif words[0] == "y_embedder":
            for i in range(depth):
                out[f"transformer_blocks.{i}.norm1.emb.class_embedder.embedding_table.{last}"] = tensor.clone()
        elif words[0] == "final_layer":
            out[f"{'proj_out_2' if words[1] == 'linear' else 'proj_out_1'}.{last}"] = tensor
        elif words[2] == "attn" and words[3] == "qkv":
            for part, rows in zip("qkv", tensor.chunk(3)):
                out[f"transformer_blocks.{words[1]}.attn1.to_{part}.{last}"] = rows.contiguous()
        else:
            out[f"transformer_blocks.{words[1]}.{renamed['.'.join(words[2:-1])]}.{last}"] = tensor
    return out


class Evil:
    """Unpickled by Python, this would make a file."""

    def __reduce__(self):
        return os.system, ("touch archc-was-here",)


def save_sharded(tensors, folder, stem, count):
    names = sorted(tensors)
    files = {f"{stem}-{k + 1:05d}-of-{count:05d}.safetensors": names[k::count] for k in range(count)}
    for file, own in files.items():
        save_file({n: tensors[n] for n in own}, f"{folder}/{file}", metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(4 * t.numel() for t in tensors.values())},
             "weight_map": {n: file for file, own in files.items() for n in own}}
    with open(f"{folder}/{stem}.safetensors.index.json", "w") as f:
        json.dump(index, f)


def small(folder):
    tensors = tiny()
    save_file(tensors, f"{folder}/tiny.safetensors")
    torch.save(training(tensors), f"{folder}/training.pt")
    torch.save(collections.OrderedDict((n, t.bfloat16()) for n, t in tensors.items() if n != "pos_embed"),
               f"{folder}/bare.pt")
    torch.save(tensors, f"{folder}/legacy.pt", _use_new_zipfile_serialization=False)
    wrapped = {f"module._orig_mod.{n}": t for n, t in tensors.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, f"{folder}/wrapped.pt", pickle_protocol=4)
    save_sharded(tensors, folder, "sharded", 2)
    save_file(diffusers_names(tensors), f"{folder}/diffusers.safetensors")
    evil(folder)


def evil(folder):
    torch.save({"ema": {"x": torch.zeros(1)}, "args": Evil()}, f"{folder}/evil.pt")
    torch.save({"x": Evil()}, f"{folder}/evil_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"ema": {"x": torch.zeros(1)}, "args": argparse.Namespace(seed=Evil())}, f"{folder}/evil_hidden.pt")


def layouts(weights, folder):
    tensors = load_file(weights)
    save = lambda what, name, **options: torch.save(what, f"{folder}/{name}", **options)
    save(training(tensors), "training.pt")
    save(training(tensors), "training_legacy.pt", _use_new_zipfile_serialization=False)
    save(dict(tensors), "bare.pt")
    save({f"module.{n}": t for n, t in tensors.items()}, "parallel.pt")
    save({"model": {f"_orig_mod.{n}": t for n, t in tensors.items()}, "step": 5}, "compiled.pt", pickle_protocol=5)
    save({"ema_model": {"n_averaged": torch.tensor(7), **{f"module.{n}": t for n, t in tensors.items()}}}, "average.pt")
    save({n: torch.nn.Parameter(t) for n, t in tensors.items()}, "parameters.pt")
    save({n: t.double() for n, t in tensors.items()}, "double.pt")
    # Views: the numbers lie in another order, and in one storage.
    turned = {n: t.permute(*reversed(range(t.dim()))).contiguous().permute(*reversed(range(t.dim()))) for n, t in tensors.items()}
    save(turned, "turned.pt")
    flat = torch.cat([t.flatten() for t in tensors.values()])
    views, at = {}, 0
    for name, tensor in tensors.items():
        views[name] = flat[at:at + tensor.numel()].view(tensor.shape)
        at += tensor.numel()
    save(views, "views.pt")
    save(views, "views_legacy.pt", _use_new_zipfile_serialization=False)
    save_sharded(tensors, folder, "sharded", 3)
    names = sorted(tensors)
    files = {"a.bin": names[::2], "b.bin": names[1::2]}
    for file, own in files.items():
        save({n: tensors[n] for n in own}, file)
    with open(f"{folder}/bins.index.json", "w") as f:
        json.dump({"weight_map": {n: file for file, own in files.items() for n in own}}, f)
    save_file(diffusers_names(tensors), f"{folder}/diffusers.safetensors")
    # What is refused.
    save(Skeleton(tensors), "module.pt")
    save({"x": torch.eye(2).to_sparse()}, "sparse.pt")
    evil(folder)


def load(file, weights):
    wanted, got = load_file(weights), load_file(file)
    module = Skeleton({n: torch.zeros_like(t) for n, t in wanted.items()})
    module.load_state_dict(got, strict=True)
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == wanted[name].dtype and torch.equal(tensor, wanted[name]), name
    print(f"{len(wanted)} tensors are equal")


def diffusers(file, weights):
    try:
        from diffusers.models.transformers.dit_transformer_2d import DiTTransformer2DModel
    except ImportError as e:
        print(f"SKIP {e.name} is not installed")
        sys.exit(77)
    ours, theirs = load_file(weights), load_file(file)
    width, channels, patch = ours["x_embedder.proj.weight"].shape[:3]
    depth = len({n.split(".")[1] for n in ours if n.startswith("blocks.")})
    tokens = ours["pos_embed"].shape[1]
    model = DiTTransformer2DModel(
        num_attention_heads=4, attention_head_dim=width // 4, in_channels=channels, out_channels=2 * channels,
        num_layers=depth, sample_size=int(tokens ** 0.5) * patch, patch_size=patch,
        num_embeds_ada_norm=ours["y_embedder.embedding_table.weight"].shape[0] - 1)
    model.load_state_dict(theirs, strict=True)
    model.eval()
    for block in model.transformer_blocks:
        # The one thing in which diffusers differs from the public code.
        block.norm1.emb.time_proj.downscale_freq_shift = 0
    folder = os.path.dirname(weights)
    inputs, outputs = load_file(f"{folder}/inputs.safetensors"), load_file(f"{folder}/outputs.safetensors")
    wanted = outputs["output"] if "output" in outputs else outputs["out"]
    with torch.no_grad():
        got = model(inputs["x"], timestep=inputs["t"], class_labels=inputs["y"]).sample
    apart = (got - wanted).abs().max() / wanted.abs().max()
    assert apart < 1e-5, f"diffusers gives something else: {apart:.1e}"
    print(f"diffusers agrees to {apart:.1e}")


if __name__ == "__main__":
    commands = {"small": small, "layouts": layouts, "load": load, "diffusers": diffusers}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
