"""
A picture on the way from cause to effect
=========================================

Rahman and Kocaoglu (2024) learn causal models part by part so that a large generator, trained once and by somebody
else, can stand for an image. Here handwritten digits lie on the only way from X to Y, and a hidden cause drives both X
and Y: the front door, with a picture for a mediator. A generator of pictures comes trained, and is not touched.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import nn

from modpart.causal import CausalGraph, ModularDCM

# %%
# Made-up data with a known answer
# --------------------------------
# X chooses the digit that is shown, 0 or 1, nine times out of ten. Y depends on the digit and on the hidden cause.

rng = np.random.default_rng(0)
digits = load_digits()
pictures = [digits.images[digits.target == digit] / 8.0 - 1.0 for digit in (0, 1)]
hidden = rng.random(4000) < 0.5
X = np.where(rng.random(4000) < 0.85, hidden, ~hidden).astype(int)
shown = np.where(rng.random(4000) < 0.9, X, 1 - X)
image = np.stack([pictures[digit][rng.integers(len(pictures[digit]))] for digit in shown])[:, None]
Y = (rng.random(4000) < 0.2 + 0.3 * shown + 0.4 * hidden).astype(int)
truth = {x: 0.2 + 0.3 * (0.9 if x else 0.1) + 0.4 * 0.5 for x in (0, 1)}

graph = CausalGraph("X -> image -> Y; X <-> Y")
print(graph.identify("Y", do="X"))

# %%
# A generator that somebody else has trained
# ------------------------------------------
# Any torch module will do that draws the picture from its parents and from noise. This one is a mixture of normal laws
# of the principal components for each X, fitted by scikit-learn.


class Painter(nn.Module):
    """Draws pictures for X from a mixture of eight normal laws of sixteen principal components."""

    noise_dim = 17  # one number chooses the part of the mixture

    def __init__(self, X, images):
        super().__init__()
        flat = images.reshape(len(images), -1)
        pca = PCA(16, random_state=0).fit(flat)
        mixtures = [GaussianMixture(8, random_state=0).fit(pca.transform(flat[x == X])) for x in (0, 1)]
        parts = {
            "mean": pca.mean_,
            "basis": pca.components_,
            "reached": np.stack([mixture.weights_.cumsum() for mixture in mixtures]),
            "centers": np.stack([mixture.means_ for mixture in mixtures]),
            "spreads": np.stack([np.linalg.cholesky(mixture.covariances_) for mixture in mixtures]),
        }
        for name, value in parts.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))

    def forward(self, parents, noise):
        """Pictures (n, 1, 8, 8) from a list with the indicators of X, and noise (n, 17)."""
        x = parents[0].argmax(1)
        part = (torch.special.ndtr(noise[:, :1]) >= self.reached[x][:, :-1]).sum(1)
        components = self.centers[x, part] + (self.spreads[x, part] @ noise[:, 1:, None])[..., 0]
        return (self.mean + components @ self.basis).reshape(-1, 1, 8, 8)


painter = Painter(X, image)

# %%
# Learn the rest
# --------------
# X and Y share the hidden cause and are learned together, by likelihood; Y reads real pictures through a convolutional
# encoder. The generator stays as it is, to the last bit.

model = ModularDCM(graph, loss="auto", modules={"image": painter}, frozen="image", max_steps=600, random_state=0)
model.fit({"X": X, "image": image, "Y": Y})
print(model.fit_report()[["module", "loss", "distance", "noise"]].to_string(index=False))

# %%
# Set X
# -----
# Where X is observed to be 1, Y is mostly 1 as well; some of that is the hidden cause. Where X is set, the model draws
# a picture and then Y from it, and comes close to the truth.

drawn = {x: model.sample(20_000, variables=["image", "Y"], do={"X": x}, random_state=0) for x in (0, 1)}
figure, axes = plt.subplots(2, 7, figsize=(8, 2.6), layout="constrained", width_ratios=[1] * 6 + [3.2])
for x in (0, 1):
    for k, ax in enumerate(axes[x, :6]):
        ax.imshow(drawn[x]["image"][k, 0], cmap="gray_r")
        ax.set_axis_off()
    axes[x, 0].set_title(f"do(X = {x})", loc="left")
    shares = [Y[x == X].mean(), drawn[x]["Y"].mean(), truth[x]]
    axes[x, 6].barh(["observed", "sampled", "true"], shares, color=["0.7", "tab:blue", "0.3"])
    axes[x, 6].set_xlim(0, 1)
    axes[x, 6].invert_yaxis()
    print(f"X = {x}: observed {shares[0]:.2f}, sampled {shares[1]:.2f}, true {shares[2]:.2f}")
    assert abs(shares[1] - shares[2]) < 0.05
axes[1, 6].set_xlabel("share of Y = 1")
plt.show()
