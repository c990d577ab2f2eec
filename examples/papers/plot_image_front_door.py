"""
Front door through an image
===========================

After Rahman & Kocaoglu (2024): the mediator of a front-door graph is a picture, whose generator has been trained by
somebody else. X decides which of two digits is written, I is its picture, Y depends on what the picture shows, and X
and Y share a hidden cause. The picture's generator is taken as it is; only X and Y are learned, against pictures that
it draws.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from modpart.causal import ModularDCM

digits = load_digits()
pictures = np.stack([digits.images[digits.target == d][:170] / 8.0 - 1.0 for d in (0, 1)]).astype(np.float32)


class Gallery(nn.Module):
    """A generator that was there before: it draws the digit that X asks for in nine of ten cases, else the other."""

    noise_dim = 2  # how many normal numbers it wants for each picture

    def __init__(self, pictures):
        super().__init__()
        self.register_buffer("pictures", torch.from_numpy(pictures))

    def forward(self, parents, noise):
        """Draw (n, 1, 8, 8) from the indicators of X and noise (n, 2)."""
        asked = parents[0].argmax(1)
        shares = torch.special.ndtr(noise)
        shown = torch.where(shares[:, 0] < 0.1, 1 - asked, asked)
        which = (shares[:, 1] * self.pictures.shape[1]).long().clamp(max=self.pictures.shape[1] - 1)
        return self.pictures[shown, which][:, None]


# %%
# Data
# ----
# The hidden cause makes people with X = 1 more prone to Y, whatever the picture shows.

rng = np.random.default_rng(0)
hidden = rng.random(4000) < 0.5
X = np.where(rng.random(4000) < 0.85, hidden, ~hidden).astype(int)
shown = np.where(rng.random(4000) < 0.9, X, 1 - X)
images = pictures[shown, rng.integers(170, size=4000)][:, None]
Y = (rng.random(4000) < 0.2 + 0.3 * shown + 0.4 * hidden).astype(int)

# %%
# Learn, with the generator as it is
# ----------------------------------

model = ModularDCM(
    "X -> I -> Y; X <-> Y",
    loss="auto",
    modules={"I": Gallery(pictures)},
    frozen="I",
    batch_size=256,
    max_steps=400,
    random_state=0,
).fit({"X": X, "I": images, "Y": Y})
print(model.fit_report().drop(columns="seconds").to_string(index=False))

# %%
# Ask
# ---

seen = [Y[x == X].mean() for x in (0, 1)]
answers = [model.sample(20_000, variables="Y", do={"X": x}, random_state=0)["Y"].mean() for x in (0, 1)]
true = [0.2 + 0.3 * share + 0.2 for share in (0.1, 0.9)]
for x in (0, 1):
    print(f"X={x}: seen {seen[x]:.3f}, sampled P(Y=1 | do(X={x})) {answers[x]:.3f}, true {true[x]:.3f}")

figure, axes = plt.subplots(2, 6, figsize=(7, 2.6), layout="constrained")
for x, row in enumerate(axes):
    drawn = model.sample(6, variables="I", do={"X": x}, random_state=0)["I"]
    for picture, ax in zip(drawn, row, strict=True):
        ax.imshow(picture[0], cmap="gray_r")
        ax.set_axis_off()
    row[0].set_title(f"do(X = {x})", loc="left")
plt.show()
