"""Writes the statements anew: `python -m tests.golden`. Read the difference before you keep it."""

from tests.golden.queries import HERE, statements

for old in (*HERE.glob("*.sql"), *HERE.glob("*.txt")):
    old.unlink()
for name, text in statements():
    (HERE / name).write_text(text, encoding="utf-8", newline="\n")
