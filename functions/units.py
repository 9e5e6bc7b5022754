"""Units converted by a table: lengths, weights, volumes, areas, speeds, times, data and temperatures.

A table, because it says which units there are, in the plural that one says. A library of all units is for more than speech.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from agentd.functions import FunctionError, function

Unit = Literal[
    "millimeters", "centimeters", "meters", "kilometers", "inches", "feet", "yards", "miles", "nautical miles",
    "milligrams", "grams", "kilograms", "tons", "ounces", "pounds", "stone",
    "milliliters", "liters", "teaspoons", "tablespoons", "fluid ounces", "cups", "pints", "gallons",
    "square meters", "square feet", "hectares", "acres",
    "kilometers per hour", "miles per hour", "knots",
    "seconds", "minutes", "hours",
    "megabytes", "gigabytes", "terabytes",
    "celsius", "fahrenheit",
]  # fmt: skip

SIZES: dict[str, dict[str, float]] = {
    "length": {
        "millimeters": 0.001, "centimeters": 0.01, "meters": 1, "kilometers": 1000, "inches": 0.0254, "feet": 0.3048,
        "yards": 0.9144, "miles": 1609.344, "nautical miles": 1852,
    },
    "weight": {
        "milligrams": 0.001, "grams": 1, "kilograms": 1000, "tons": 1e6, "ounces": 28.349523125, "pounds": 453.59237,
        "stone": 6350.29318,
    },
    "volume": {
        "milliliters": 0.001, "liters": 1, "teaspoons": 0.00492892159375, "tablespoons": 0.01478676478125,
        "fluid ounces": 0.0295735295625, "cups": 0.2365882365, "pints": 0.473176473, "gallons": 3.785411784,
    },
    "area": {"square meters": 1, "square feet": 0.09290304, "hectares": 10_000, "acres": 4046.8564224},
    "speed": {"kilometers per hour": 1, "miles per hour": 1.609344, "knots": 1.852},
    "time": {"seconds": 1, "minutes": 60, "hours": 3600},
    "data": {"megabytes": 1, "gigabytes": 1000, "terabytes": 1e6},
    "temperature": {"celsius": 1, "fahrenheit": 1 / 1.8},
}  # fmt: skip
"""By what they measure, the units and how large each is; those of volume are the United States' own."""

KINDS = {unit: kind for kind, units in SIZES.items() for unit in units}
ZEROS = {"celsius": 0.0, "fahrenheit": 32.0}
SINGULAR = {"inches": "inch", "feet": "foot", "square feet": "square foot", "stone": "stone"}


@function(
    tier="read",
    examples=["Convert five miles to kilometers.", "How many feet are three meters?", "What is 100 fahrenheit in celsius?"],
)
def convert_units(
    from_unit: Annotated[Unit, Field(description="The unit to convert from")],
    to_unit: Annotated[Unit, Field(description="The unit to convert to")],
    amount: Annotated[float, Field(description="How many of it")] = 1,
) -> str:
    """Convert an amount from one unit of measurement to another."""
    kind = KINDS[from_unit]
    if kind != KINDS[to_unit]:
        raise FunctionError(
            f"{from_unit.capitalize()} measure {kind}, {to_unit} measure {KINDS[to_unit]}. They cannot be converted."
        )
    result = (amount - ZEROS.get(from_unit, 0)) * SIZES[kind][from_unit] / SIZES[kind][to_unit] + ZEROS.get(to_unit, 0)
    return f"{said(amount, from_unit)} {'is' if amount == 1 else 'are'} {said(result, to_unit)}."


def said(amount: float, unit: str) -> str:
    """An amount as one says it, to four telling digits: 8.047 kilometers, 1 inch, 37.78 degrees celsius."""
    exact = f"{amount:.4g}" if abs(amount) < 1000 else f"{amount:.0f}"
    number = f"{Decimal(exact).normalize():,f}"
    if unit in ZEROS:
        return f"{number} degrees {unit}"
    first, *rest = unit.split(" per ")
    one = SINGULAR.get(unit) or " per ".join([first.removesuffix("s"), *rest])
    return f"{number} {one if number == '1' else unit}"
