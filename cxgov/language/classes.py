"""How much a change weighs: the classes in their order, from a typo to an edit of frozen bytes."""

from typing import Final

# The order serves laws ("at least this class"); the schemas' `x-change-class` speaks in these words.
CHANGE_CLASSES: Final = (
    "editorial",
    "draft",
    "ownership",
    "additive",
    "threshold_tightened",
    "threshold_loosened",
    "exclusion",
    "overlay",
    "sampling",
    "population",
    "source",
    "calendar",
    "formula",
    "certification",
    "retirement",
    "removal",
    "schema",
    "compiler",
    "freeze",
    "restatement",
    "policy",
    "history",
)
# Nobody can approve an edit of history, so no rule and no guard can name it.
APPROVABLE: Final = CHANGE_CLASSES[:-1]
