"""The weather at one place, from Open-Meteo (https://open-meteo.com), which is free without a key for private use.

The place stands in the configuration:

    [functions.weather]
    latitude = 48.21
    longitude = 16.37
    place = "Vienna"
"""

from typing import Annotated, Any, Literal

import httpx
from pydantic import Field

from agentd.functions import CallContext, FunctionError, function

REQUIRES = ("latitude", "longitude", "place")

URL = "https://api.open-meteo.com/v1/forecast"
NOW = "temperature_2m,apparent_temperature,weather_code,wind_speed_10m"
DAY = "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,precipitation_probability_max"

SKIES = {
    0: "clear", 1: "mostly clear", 2: "partly cloudy", 3: "overcast", 45: "foggy", 48: "foggy with frost",
    **dict.fromkeys((51, 53, 55), "drizzly"), **dict.fromkeys((56, 57), "freezing with drizzle"),
    61: "lightly raining", 63: "raining", 65: "raining heavily", **dict.fromkeys((66, 67), "freezing with rain"),
    71: "lightly snowing", 73: "snowing", 75: "snowing heavily", 77: "snowing in grains",
    **dict.fromkeys((80, 81), "showery"), 82: "showery with violent rain", **dict.fromkeys((85, 86), "showery with snow"),
    **dict.fromkeys((95, 96, 99), "thundery"),
}  # fmt: skip
"""The WMO weather codes that Open-Meteo uses, as what follows "it is"."""


@function(
    tier="read",
    examples=["What is the weather like?", "Will it rain tomorrow?", "How warm is it outside?", "Do I need an umbrella today?"],
)
async def get_weather(
    ctx: CallContext,
    when: Annotated[Literal["now", "today", "tomorrow"], Field(description="Of which time")] = "now",
) -> str:
    """Tell the weather here: the temperature, the sky, rain or snow, now or for today or tomorrow."""
    asked = {"latitude": ctx.config["latitude"], "longitude": ctx.config["longitude"], "timezone": "auto"}
    part = {"current": NOW} if when == "now" else {"daily": DAY, "forecast_days": 2}
    answer = await fetch(str(ctx.config.get("url", URL)), asked | part)
    place = ctx.config["place"]
    try:
        return spoken_now(answer["current"], place) if when == "now" else spoken_day(answer["daily"], place, when)
    except (KeyError, IndexError, TypeError, ValueError):
        raise FunctionError("The weather service answered with something that is no weather.") from None


async def fetch(url: str, parameters: dict[str, Any]) -> Any:
    """The service's answer."""
    try:
        async with httpx.AsyncClient(timeout=6) as client:
            answer = await client.get(url, params=parameters)
    except httpx.HTTPError:
        raise FunctionError("I cannot reach the weather service. Perhaps there is no internet connection.") from None
    if answer.status_code != httpx.codes.OK:
        raise FunctionError(f"The weather service does not answer now. It said {answer.status_code}.")
    try:
        return answer.json()
    except ValueError:
        raise FunctionError("The weather service answered with something that is no weather.") from None


def spoken_now(current: dict[str, Any], place: str) -> str:
    """The weather now: In Vienna it is 8 degrees and overcast, with wind of 12 kilometers per hour. It feels like 5."""
    temperature, felt = round(current["temperature_2m"]), round(current["apparent_temperature"])
    feels = f" It feels like {felt}." if abs(felt - temperature) > 2 else ""
    return (
        f"In {place} it is {temperature} degrees and {sky(current)}, "
        f"with wind of {round(current['wind_speed_10m'])} kilometers per hour.{feels}"
    )


def spoken_day(daily: dict[str, list[Any]], place: str, when: str) -> str:
    """A day's weather: Tomorrow in Vienna, 3 to 9 degrees and raining. The chance of rain or snow is 80 percent."""
    day = {name: values[1 if when == "tomorrow" else 0] for name, values in daily.items()}
    low, high = round(day["temperature_2m_min"]), round(day["temperature_2m_max"])
    chance, amount = day["precipitation_probability_max"], day["precipitation_sum"]
    told = f"The chance of rain or snow is {round(chance)} percent" if chance else "No rain or snow is expected"
    much = f", with {amount:g} millimeters in all" if chance and amount else ""
    return f"{when.capitalize()} in {place} it will be {low} to {high} degrees and {sky(day)}. {told}{much}."


def sky(part: dict[str, Any]) -> str:
    """What the weather code says."""
    return SKIES.get(int(part["weather_code"]), "changeable")
