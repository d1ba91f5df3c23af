"""What a hospital and the coordinator must agree on; it knows no other room.

Every room imports this one before anything else, so Flower's calls home are off before it is loaded.
"""

import os

from fedchemo.shared.quiet import QUIET

os.environ.update(QUIET)
