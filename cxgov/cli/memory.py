"""placeholder"""

from cxgov.api import read_tree, load_tree


def validate_with_memory(folder):
    tree, problems = read_tree(folder)
    _, found = load_tree(tree)
    return sum(p.endswith(".yaml") for p in tree), tuple(sorted((*problems, *found), key=lambda p: p.place))
