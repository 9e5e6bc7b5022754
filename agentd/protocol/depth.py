"""How deep JSON values are nested: what is written, merged or compared later on recurses, and stops at some hundred levels."""


def deeper_than(value: object, levels: int) -> bool:
    """Whether containers stand in each other on more than ``levels`` levels; without recursion, which is what it guards."""
    inside = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        inside = [
            item
            for container in inside
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not inside:
            return False
    return bool(inside)
