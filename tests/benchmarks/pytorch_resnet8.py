"""ResNet-8 of MLPerf Tiny and a loop that trains it, in plain PyTorch: what `gpu.py` compares with."""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F

DTYPES = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01) for _ in range(2))
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.shortcut(x))


def network():
    """The network: images `(n, 3, 32, 32)` to logits `(n, 10)`."""
    stem = [nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16, eps=1e-3, momentum=0.01), nn.ReLU()]
    blocks = [Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def augmented(images, shares):
    """Images `(n, c, h, w)` moved by up to `shares` of their height and width, and mirrored by half."""
    n, device = len(images), images.device
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = torch.randint(0, 2, (n,), device=device) * 2.0 - 1
    theta[:, 1, 1] = 1
    for row, share in ((1, shares[0]), (0, shares[1])):
        theta[:, row, 2] = (torch.rand(n, device=device) * 2 - 1) * 2 * share
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def rate(values, step, steps):
    """The share of the learning rate at `step` of `steps`: a linear rise, then half a cosine."""
    rise = round(values.warmup * steps)
    if step < rise:
        return step / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def train(recipe, training, held, compiled, ended):
    """Train and validate as `recipe` says; `ended()` is called after every epoch.

    Args:
        recipe: A `recipes.recipe.Recipe` with optimiser `sgd`.
        training: Images `(n, 32, 32, 3)` uint8 and labels `(n,)` to learn.
        held: The same, to validate on.
        compiled: Whether the network is compiled by `torch.compile`.
        ended: Called without arguments.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    (x, y), (vx, vy) = (_placed(*part, device) for part in (training, held))
    torch.manual_seed(recipe.seed)
    model = network().to(device, memory_format=torch.channels_last)
    stepped = torch.compile(model) if compiled else model
    values, size = recipe.optimizer, recipe.batch_size
    steps = len(x) // size
    optimizer = torch.optim.SGD(model.parameters(), values.learning_rate, 0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: rate(values, i, steps * recipe.epochs))
    half = DTYPES.get(recipe.engine.precision_policy)
    scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)
    arithmetic = torch.autocast(device.type, half) if half else contextlib.nullcontext()
    for _ in range(recipe.epochs):
        stepped.train()
        order, total = torch.randperm(len(x), device=device), torch.zeros((), device=device)
        for i in range(steps):
            chosen = order[i * size : (i + 1) * size]
            images = augmented(x[chosen].float() / 255, recipe.augmentation.translation)
            with arithmetic:
                loss = F.cross_entropy(stepped(images).float(), y[chosen])
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            _decay(model, optimizer, values.weight_decay)
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            total += loss.detach()
        validate(stepped, vx, vy, arithmetic)
        if not math.isfinite(total.item()):  # which also waits for the device
            raise RuntimeError("the loss is not a number")
        ended()


def _decay(model, optimizer, share):
    """Decoupled weight decay, by the learning rate of the step."""
    with torch.no_grad():
        torch._foreach_mul_(list(model.parameters()), 1 - share * optimizer.param_groups[0]["lr"])


def validate(model, x, y, arithmetic):
    """Mean loss and accuracy, as numbers."""
    model.eval()
    losses, right = [], []
    with torch.no_grad(), arithmetic:
        for i in range(0, len(x), 256):
            logits = model(x[i : i + 256].float() / 255).float()
            losses.append(F.cross_entropy(logits, y[i : i + 256], reduction="sum"))
            right.append((logits.argmax(1) == y[i : i + 256]).sum())
    return (sum(losses) / len(x)).item(), (sum(right) / len(x)).item()


def _placed(x, y, device):
    """Images `(n, c, h, w)` and labels on the device."""
    images = torch.from_numpy(x).to(device).permute(0, 3, 1, 2)
    return images, torch.from_numpy(y).long().to(device)
