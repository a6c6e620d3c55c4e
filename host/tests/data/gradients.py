"""Writes what PyTorch gives for the gradient of demonstrations' likelihood: gradient.safetensors, one for each model.

A model's folder has golden.safetensors. Its demonstrations (demo_ids, L tokens) are cut into three spans; their cache
is step1_k and step1_v, as the file has them. Each span stands once more behind that cache, at the positions L, L + 1,
..., and does not see the positions of the cache that are hidden from it: its own, and some more. A hidden key has the
weight 0 and nothing else changes: positions, ALiBi and windows count hidden keys as if they were seen.

- spans [3, 2] i64: first token and end of each.
- hidden [3, L] u8: 1 where the cache's position is hidden from the span's tokens.
- answer_loglik [3]: the log-probability of each span's last two tokens, each predicted from the token before it.
- answer_loss []: the mean over spans of minus the mean log-probability of an answer's token.
- choice_ids [3, 3, 2] i64: three choices for each span without its last token, padded with -1; the first is that token.
- choice_loglik [3, 3]: the log-probability of each choice's tokens.
- choice_loss []: the mean over spans of minus the log-softmax over a span's three choice_loglik at the first.
- {answer,choice}_grad_{k,v} [layers, kv_heads, L, head_dim]: the loss's gradient with respect to the cache's keys, as
  stored (after rotation), and values.

All is computed in f64 with eager attention and rounded to f32. Checked for each model: the cache against a pass of the
model; the masks against the model's own with nothing hidden; hidden positions have no gradient; the gradient along a
random direction against finite differences (1e-5); the same computation in f32 (1e-4). Made with torch 2.15,
transformers 4.57.6, safetensors 0.8, numpy 2.4:

    python3 -m venv venv && venv/bin/pip install torch 'transformers>=4.57,<5' safetensors numpy
    venv/bin/python host/tests/data/gradients.py [folder ...]
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.modeling_utils import no_init_weights

HERE = Path(__file__).parent
ANSWER, CHOICES, PADDING = 2, 3, -1
FINITE_DIFFERENCE = 1e-5
OBJECTIVES = ("answer", "choice")


class InDouble(TorchFunctionMode):
    """Makes an f64 of every f32 that a model asks for: norms, softmax and rotations do, whatever its weights are in."""

    def __torch_function__(self, function, types, arguments=(), settings=None):
        wide = lambda value: torch.float64 if value is torch.float32 else value
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        return function(*map(wide, arguments), **{name: wide(value) for name, value in (settings or {}).items()})


def in_double(model):
    """The model with weights and constants in f64; it computes in f64 within InDouble."""
    with InDouble(), no_init_weights():
        double = AutoModelForCausalLM.from_config(model.config, dtype=torch.float64, attn_implementation="eager").eval()
    double.load_state_dict(model.state_dict())
    return double


def spans_of(length):
    """Three spans of uneven lengths that cover all tokens."""
    cuts = [0, length // 4, length * 2 // 3, length]
    return list(zip(cuts, cuts[1:]))


def hidden_from(spans):
    """What each span does not see: itself, about a quarter of the rest, and one position that none of them sees.

    The first position is hidden from its own span only.
    """
    length = spans[-1][1]
    places = torch.arange(length)
    own = lambda first, end: (first <= places) & (places < end)
    further = lambda at: (places > 0) & ((places + at) % 4 == 3) | (places == length // 2)
    return torch.stack([own(*span) | further(at) for at, span in enumerate(spans)])


def choices_of(ids, spans, vocabulary):
    """The span's last token first, then two others; for the second span these have two tokens and share the first."""
    other = lambda at, step: (ids[spans[at][1] - 1].item() + step) % (vocabulary - 3) + 3
    last = lambda at: ids[spans[at][1] - 1].item()
    choices = [[[last(at)], [other(at, 5)], [other(at, 11)]] for at in range(len(spans))]
    choices[1] = [[last(1)], [other(1, 5), other(1, 7)], [other(1, 5), other(1, 11)]]
    return choices


def additive(seen, window, dtype):
    """Which keys the new tokens see, [1, 1, new, past + new]; `seen` says it of the past."""
    past, new = seen.shape[-1], seen.shape[0]
    keys, queries = torch.arange(past + new)[None], torch.arange(past, past + new)[:, None]
    allowed = (keys <= queries) & torch.cat([seen, torch.ones(new, new, dtype=torch.bool)], dim=1)
    if window is not None:
        allowed &= keys > queries - window
    return torch.zeros(allowed.shape, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)[None, None]


def masks(model, seen, dtype):
    """The model's masks with keys hidden, in four dimensions.

    From a mask of two, BLOOM takes the running sum as ALiBi's indices, and OPT as positions unless it is given
    position_ids: hidden keys would not count. A mask of four replaces the model's own, its sliding windows with it, so
    these are put in here; layers with and without a window take theirs by name. GPT-Neo's windows are in its attention,
    and stay.
    """
    config = model.config
    window = getattr(config, "sliding_window", None)
    if config.model_type == "mistral":
        return additive(seen, window, dtype)
    if "sliding_attention" in (getattr(config, "layer_types", None) or []):
        return {"full_attention": additive(seen, None, dtype), "sliding_attention": additive(seen, window, dtype)}
    return additive(seen, None, dtype)


def logits_of(model, cache, ids, hidden):
    """The logits of tokens behind a cache, [tokens, vocabulary]; `hidden` [L], or None for the model's own masks."""
    # Made without a configuration, all its layers keep every position, those of sliding windows too.
    past = DynamicCache.from_legacy_cache(tuple((keys[None], values[None]) for keys, values in zip(*cache)))
    length = past.get_seq_length()
    settings = dict(attention_mask=torch.ones(1, length + len(ids), dtype=torch.long))
    if hidden is not None:
        mask = masks(model, (~hidden).expand(len(ids), -1), cache[0].dtype)
        if model.config.model_type == "bloom":
            # It makes ALiBi and a mask of four dimensions from one of two: only the latter is to be another.
            model.transformer._update_causal_mask = lambda *_: mask
        else:
            settings = dict(attention_mask=mask)
    if model.config.model_type != "bloom":
        settings |= dict(position_ids=torch.arange(length, length + len(ids))[None])
    output = model(input_ids=ids[None], past_key_values=past, use_cache=True, **settings)
    if model.config.model_type == "bloom":
        model.transformer.__dict__.pop("_update_causal_mask", None)
    return output.logits[0]


def continuation_loglik(model, cache, text, continuation, hidden):
    ids = torch.cat([text, continuation])
    logits = logits_of(model, cache, ids[:-1], hidden)[-len(continuation):]
    return logits.log_softmax(-1).gather(-1, continuation[:, None]).sum()


def answer_objective(model, cache, data):
    split = lambda first, end: (data["ids"][first:end - ANSWER], data["ids"][end - ANSWER:end])
    loglik = torch.stack([continuation_loglik(model, cache, *split(*span), hidden)
                          for span, hidden in zip(data["spans"], data["hidden"])])
    return loglik, -loglik.mean() / ANSWER


def choice_objective(model, cache, data):
    loglik = torch.stack([
        torch.stack([continuation_loglik(model, cache, data["ids"][first:end - 1], torch.tensor(choice), hidden)
                     for choice in choices])
        for (first, end), hidden, choices in zip(data["spans"], data["hidden"], data["choices"])])
    return loglik, -loglik.log_softmax(-1)[:, 0].mean()


def gradients(model, cache, data):
    """Per objective the log-likelihoods, the loss and its gradient with respect to keys and values."""
    found = {}
    for name, objective in zip(OBJECTIVES, (answer_objective, choice_objective)):
        leaves = [part.clone().requires_grad_() for part in cache]
        loglik, loss = objective(model, leaves, data)
        grad_k, grad_v = torch.autograd.grad(loss, leaves)
        found |= {f"{name}_loglik": loglik.detach(), f"{name}_loss": loss.detach(), f"{name}_grad_k": grad_k,
                  f"{name}_grad_v": grad_v}
    return found


def worst(differences):
    """The largest of all numbers of tensors, without their signs; NaN if one of them is NaN."""
    return torch.stack([difference.abs().max() for difference in differences]).max().item()


@torch.no_grad()
def finite_differences(model, cache, data, found):
    """The worse objective's relative difference between a directional derivative and its central difference."""
    differences = []
    generator = torch.Generator().manual_seed(1)
    for name, objective in zip(OBJECTIVES, (answer_objective, choice_objective)):
        direction = [torch.randn(part.shape, generator=generator, dtype=part.dtype) for part in cache]
        moved = lambda by: objective(model, [part + by * d for part, d in zip(cache, direction)], data)[1]
        difference = (moved(FINITE_DIFFERENCE) - moved(-FINITE_DIFFERENCE)) / (2 * FINITE_DIFFERENCE)
        derivative = sum((found[f"{name}_grad_{part}"] * d).sum() for part, d in zip("kv", direction))
        differences.append(difference / derivative - 1)
    return worst(differences)


@torch.no_grad()
def check_cache(model, golden):
    """The worst difference of the cache in golden.safetensors from a plain pass."""
    ids = golden["demo_ids"]
    output = model(input_ids=ids[None], past_key_values=DynamicCache(), use_cache=True)
    parts = zip(*output.past_key_values.to_legacy_cache())
    return worst(torch.cat(part) - golden[f"step1_{name}"] for name, part in zip("kv", parts))


@torch.no_grad()
def check_masks(model, cache, data):
    """The worst difference that masks with nothing hidden make to logits."""
    nothing = torch.zeros_like(data["hidden"][0])
    queries = [data["ids"][first:end] for first, end in data["spans"]]
    return worst(logits_of(model, cache, ids, nothing) - logits_of(model, cache, ids, None) for ids in queries)


def check_hidden(model, cache, data):
    """Hidden positions have no gradient, and some others have."""
    for at, hidden in enumerate(data["hidden"]):
        only = data | {name: data[name][at:at + 1] for name in ("spans", "hidden", "choices")}
        found = gradients(model, cache, only)
        for name in (f"{objective}_grad_{part}" for objective in OBJECTIVES for part in "kv"):
            assert (found[name][:, :, hidden] == 0).all(), f"{name}: span {at} has a gradient where it does not see"
    all_of_it = gradients(model, cache, data)
    assert all(all_of_it[f"{objective}_grad_{part}"].abs().max() > 1e-6 for objective in OBJECTIVES for part in "kv")


def write(folder):
    golden = load_file(folder / "golden.safetensors")
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    double = in_double(model)
    ids = golden["demo_ids"]
    spans = spans_of(len(ids))
    assert min(end - first for first, end in spans) > ANSWER
    data = dict(ids=ids, spans=spans, hidden=hidden_from(spans),
                choices=choices_of(ids, spans, model.config.vocab_size))
    cache = [golden[f"step1_{part}"] for part in "kv"]
    wide = [part.double() for part in cache]
    with InDouble():
        caches = check_cache(double, golden)
        masked = check_masks(double, wide, data)
        check_hidden(double, wide, data)
        found = gradients(double, wide, data)
        differences = finite_differences(double, wide, data, found)
    # As a part of the largest value of each tensor.
    narrow = worst((value.double() - found[name]) / found[name].abs().max()
                   for name, value in gradients(model, cache, data).items())
    name = f"{folder.parent.name}/{folder.name}"
    print(f"{name}: cache {caches:.1e}, masks {masked:.1e}, finite differences {differences:.1e}, f32 {narrow:.1e}")
    assert caches < 1e-5 and masked < 1e-12 and differences < 1e-5 and narrow < 1e-4, name
    padded = [[choice + [PADDING] * (2 - len(choice)) for choice in choices] for choices in data["choices"]]
    values = dict(spans=torch.tensor(spans), hidden=data["hidden"].to(torch.uint8), choice_ids=torch.tensor(padded))
    values |= {name: value.float().contiguous() for name, value in found.items()}
    save_file(values, folder / "gradient.safetensors")


def main():
    torch.set_num_threads(1)
    named = [Path(name) for name in sys.argv[1:]]
    models = [path.parent for group in ("tiny", "variants") for path in HERE.glob(f"{group}/*/golden.safetensors")]
    for folder in named or sorted(models):
        write(folder)


if __name__ == "__main__":
    main()
