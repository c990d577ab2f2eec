"""Everything that imports torch or skorch: batches, initialisation, blocks, nets, state and devices.

Import the module that is needed (``from modpart._torch.nets import regression_net``) inside the function that
needs it, so that the public packages load without torch.
"""
