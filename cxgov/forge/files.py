"""The files that put a repository on GitHub under the gate; this repository's own are made of them too."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

TEMPLATES: Final = Path(__file__).with_name("workflows")
NAMES: Final = ("cxgov-audit.yml", "cxgov-feedback.yml", "cxgov-gate.yml", "cxgov-rerun.yml", "cxgov-review.yml")
REQUIREMENTS: Final = ".github/cxgov-requirements.txt"
FROM_REQUIREMENTS: Final = f"-r {REQUIREMENTS}"
FROM_CHECKOUT: Final = "."


def workflows(program: str) -> dict[str, str]:
    """The workflows by their path; ``program`` is what they let pip install."""
    return {
        f".github/workflows/{name}": (TEMPLATES / name).read_text(encoding="utf-8").replace("@PROGRAM@", program)
        for name in NAMES
    }


def github_files(owners: Sequence[str], pins: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Workflows, code owners and pins by their path; ``owners`` are accounts or teams, ``pins`` pairs of a version."""
    return {
        **workflows(FROM_REQUIREMENTS),
        ".github/CODEOWNERS": _code_owners(owners),
        REQUIREMENTS: "# The program by which the gate decides. The council's policy should guard this file.\n"
        + "".join(f"{name}=={version}\n" for name, version in pins),
    }


def _code_owners(owners: Sequence[str]) -> str:
    mark = "" if owners else "# "
    named = " ".join(owners) or "@your-organisation/metrics-council"
    lines = [
        "# Whom GitHub asks for a review. Whose approval counts is said by the council's policy, not here.",
        f"{mark}/metrics/ {named}",
        f"{mark}/.github/ {named}",
    ]
    return "".join(f"{line}\n" for line in lines)
