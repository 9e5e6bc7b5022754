"""The weather at one place, from Open-Meteo (https://open-meteo.com), which is free without a key for private use.

The place stands in the configuration:

    [functions.weather]
    latitude = 48.21
    longitude = 16.37
    place = "Vienna"
"""

from typing import Annotated, Any, Literal

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
    filler="I am looking at the weather.",
    result="{when} in {place}: {degrees} degrees and {sky}. {more}",
)
async def get_weather(
    ctx: CallContext,
    when: Annotated[Literal["now", "today", "tomorrow"], Field(description="Of which time")] = "now",
) -> dict[str, str]:
    """Tell the weather here: the temperature, the sky, rain or snow, now or for today or tomorrow."""
    asked = {"latitude": ctx.config["latitude"], "longitude": ctx.config["longitude"], "timezone": "auto"}
    part = {"current": NOW} if when == "now" else {"daily": DAY, "forecast_days": 2}
    answer = await fetch(str(ctx.config.get("url", URL)), asked | part)
    try:
        told = at_present(answer["current"]) if when == "now" else on_a_day(answer["daily"], ("today", "tomorrow").index(when))
    except (KeyError, IndexError, TypeError, ValueError):
        raise FunctionError("The weather service answered with something that is no weather.") from None
    return {"when": when.capitalize(), "place": str(ctx.config["place"]), **told}


async def fetch(url: str, parameters: dict[str, Any]) -> Any:
    """The service's answer."""
    import httpx  # noqa: PLC0415 - only where a place is configured

    try:
        async with httpx.AsyncClient(timeout=6) as client:
            answer = await client.get(url, params=parameters)
            answer.raise_for_status()
            return answer.json()
    except httpx.HTTPStatusError as error:
        raise FunctionError(f"The weather service does not answer now. It said {error.response.status_code}.") from None
    except httpx.HTTPError:
        raise FunctionError("I cannot reach the weather service. Perhaps there is no internet connection.") from None
    except ValueError:
        raise FunctionError("The weather service answered with something that is no weather.") from None


def at_present(current: dict[str, Any]) -> dict[str, str]:
    """The weather now."""
    temperature, felt = round(current["temperature_2m"]), round(current["apparent_temperature"])
    feels = f" It feels like {felt}." if abs(felt - temperature) > 2 else ""
    wind = f"The wind blows at {round(current['wind_speed_10m'])} kilometers per hour."
    return {"degrees": str(temperature), "sky": sky(current), "more": wind + feels}


def on_a_day(daily: dict[str, list[Any]], index: int) -> dict[str, str]:
    """The weather of a day, 0 being today; what the service does not know is null."""
    day = {name: values[index] for name, values in daily.items()}
    low, high = round(day["temperature_2m_min"]), round(day["temperature_2m_max"])
    chance, amount = day["precipitation_probability_max"], day["precipitation_sum"]
    much = f", with {amount:g} millimeters in all" if amount else ""
    more = f"The chance of rain or snow is {round(chance)} percent{much}." if chance else "No rain or snow is expected."
    return {"degrees": f"{low} to {high}", "sky": sky(day), "more": more}


def sky(part: dict[str, Any]) -> str:
    """What the weather code says."""
    return SKIES.get(int(part["weather_code"]), "changeable")
