"""All pieces, room by room, and their catalogue."""

from __future__ import annotations

from . import bounds, certificates, lean, learner, numbers, oracles, program, spanner

ROOMS = {
    "Numbers": numbers.NUMBERS,
    "Models": numbers.MODELS,
    "Oracles": oracles.ORACLES,
    "Samplers": oracles.SAMPLERS,
    "Spanners": spanner.SPANNERS,
    "Chain programs": program.PROGRAMS,
    "Algorithm 1": learner.LEARNERS,
    "The lean learner": lean.LEAN,
    "The learned model": program.LEARNED,
    "Certificates": certificates.CERTIFICATES,
    "Distances": bounds.DISTANCES,
    "Bounds": bounds.BOUNDS,
    "Parameters": bounds.PARAMETERS,
}
PIECES = [piece for pieces in ROOMS.values() for piece in pieces]

HEAD = """\
# Museum of defects

Each piece is a component of ours with one defect built in, or a defect seen in public code or in
print. With the piece in place of our component, the claim named beside it is refuted; the instance
that refutes it has the size given, and our own component passes there. Where the size is that of a
model or of a list of vectors, smaller ones were tried before and did not refute it. A harness that
forgives two per cent belongs here, too: it lets a twin survive, which is an error.

`pytest tests/museum` catches them all. This page is `catalogue()` in `rooms.py`:
`PYTHONPATH=tests python -c "from museum.rooms import *; print(catalogue(), end='')"`.
"""


def catalogue() -> str:
    """Return the page with the table of all pieces."""
    lines = [HEAD]
    for room, pieces in ROOMS.items():
        lines += [f"## {room}", "", "| piece | placard | caught by | at |", "|---|---|---|---|"]
        for piece in pieces:
            cells = (piece.name, piece.placard, f"`{piece.claim}`", str(piece.size))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)
