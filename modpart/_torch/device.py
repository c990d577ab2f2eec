"""Where a net trains: the words a user gives turned into a torch device."""

import torch

from modpart.exceptions import ParameterError

__all__ = ["resolve_device"]


def resolve_device(device: str) -> torch.device:
    """Return the torch device for ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``"auto"`` takes CUDA when torch sees it and the CPU otherwise.

    Returns
    -------
    torch.device

    Raises
    ------
    ParameterError
        When CUDA is asked for and torch sees none, or when the word is unknown.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ParameterError(f"device={device!r} is not valid. device must be 'auto' or 'cpu' or 'cuda'.")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ParameterError(
            "device='cuda' was asked for, but torch sees no CUDA device. "
            "Pass device='cpu' or 'auto', or install a CUDA build of torch."
        )
    return torch.device("cuda" if available and device != "cpu" else "cpu")
