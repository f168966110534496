"""A small Temporal project, as it is taken away: these modules are its files, but for `saga`, which each scenario writes anew.

They import nothing of this project. `playground.export.temporal` makes flat files of them.
"""

from __future__ import annotations
