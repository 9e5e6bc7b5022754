"""A real Home Assistant in a process of its own, with a house in it: its demo integration, and what that lacks."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
READY_S = 90.0
CONFIGURATION = """
homeassistant:
  name: The house
  unit_system: metric
  packages:
    steering: !include steering.yaml
    reload: !include reload.yaml
  internal_url: http://127.0.0.1:{port}
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
auth:
config:
demo:
onboarding:
search:
websocket_api:
logger:
  default: error
input_boolean:
  lamp_relay:
    name: Lamp relay
  coffee_machine:
    name: Coffee machine
light:
  - platform: template
    lights:
      living_room_lamp:
        friendly_name: Lamp
        unique_id: living-room-lamp
        value_template: "{{{{ is_state('input_boolean.lamp_relay', 'on') }}}}"
        turn_on: {{action: input_boolean.turn_on, target: {{entity_id: input_boolean.lamp_relay}}}}
        turn_off: {{action: input_boolean.turn_off, target: {{entity_id: input_boolean.lamp_relay}}}}
      stuck_light:
        friendly_name: Stuck Light
        unique_id: stuck-light
        value_template: "{{{{ false }}}}"
        turn_on: []
        turn_off: []
cover:
  - platform: group
    name: Ways in
    entities: [cover.garage_door]
  - platform: group
    name: Everything downstairs
    entities: [cover.ways_in, cover.kitchen_window]
  - platform: template
    covers:
      old_gate:
        friendly_name: Old gate
        value_template: "{{{{ false }}}}"
        open_cover: []
        close_cover: []
lock:
  - platform: template
    name: Cellar
    unique_id: cellar
    value_template: "{{{{ true }}}}"
    lock: []
    unlock: []
scene:
  - id: movie
    name: Movie time
    entities:
      light.ceiling_lights: "off"
  - id: leaving
    name: Leaving
    entities:
      light.ceiling_lights: "off"
      lock.kitchen_door: unlocked
script:
  good_night:
    alias: Good night
    sequence:
      - {{action: light.turn_off, target: {{entity_id: light.bed_light}}}}
  let_in:
    alias: Let them in
    sequence:
      - {{action: lock.unlock, target: {{entity_id: lock.kitchen_door}}}}
  let_in_the_room:
    sequence:
      - {{action: lock.unlock, target: {{area_id: hall}}}}
  let_in_by_another:
    sequence:
      - if: [{{condition: template, value_template: "{{{{ true }}}}"}}]
        then: [{{action: script.let_in_the_room}}]
  let_in_upstairs:
    sequence:
      - {{action: homeassistant.turn_on, target: {{floor_id: upstairs}}}}
  let_in_by_scene:
    sequence:
      - {{scene: scene.leaving}}
  let_in_unseen:
    sequence:
      - {{action: cover.open_cover, target: {{entity_id: "{{{{ door }}}}"}}}}
  let_in_with_the_light:
    sequence:
      - {{action: cover.open_cover, target: {{entity_id: cover.everything_downstairs}}}}
  harmless:
    sequence:
      - {{action: light.turn_off, target: {{area_id: hall, entity_id: "{{{{ 'light.bed_light' }}}}"}}}}
      - {{action: script.good_night}}
      - {{action: notify.persistent_notification, data: {{message: "{{{{ now() }}}}"}}}}
"""

AREAS = {
    "living_room": ["light.living_room_lamp", "fan.living_room_fan", "climate.hvac", "cover.living_room_window"],
    "kitchen": ["light.kitchen_lights", "cover.kitchen_window"],
    "bedroom": ["light.bed_light"],
}
"""What is where; the demo integration makes the areas."""

EXPOSED = [
    "input_boolean.coffee_machine",
    "lock.openable_lock",
    "scene.leaving",
    "scene.movie_time",
    "script.good_night",
    "script.let_in",
    "todo.chores",
    "todo.shopping_list",
]
"""To the voice assistants, besides what Home Assistant exposes by itself."""


@dataclass(slots=True)
class HomeAssistant:
    """A running Home Assistant; ``token`` is a long-lived access token of its owner."""

    folder: Path
    port: int
    executable: Path
    process: asyncio.subprocess.Process | None = None
    http: aiohttp.ClientSession = field(init=False)
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until everything is there."""
        self.http = aiohttp.ClientSession()
        environment = os.environ | {"PATH": f"{self.executable.parent}:{os.environ['PATH']}"}
        with (self.folder / "hass.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.executable, "-c", self.folder, stdout=log, stderr=log, env=environment
            )
        async with asyncio.timeout(READY_S):
            await self._answers()
            self.token = self.token or await self._settle_in()
            while (await self.command(type="get_config"))["state"] != "RUNNING":  # noqa: ASYNC110 - it has to be asked
                await asyncio.sleep(0.05)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        await self.http.close()
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            async with asyncio.timeout(READY_S):
                await self.process.wait()

    async def state(self, entity: str) -> dict[str, Any]:
        """State and attributes, as Home Assistant's own API tells them."""
        async with self.http.get(f"{self.url}/api/states/{entity}", headers=self._headers) as response:
            assert response.status == 200, await response.text()
            told: dict[str, Any] = await response.json()
            return told

    async def until(self, entity: str, state: str) -> None:
        """Wait until it is so; bounded."""
        async with asyncio.timeout(60):
            while (await self.state(entity))["state"] != state:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)

    async def locked(self, entity: str) -> None:
        """See to it that it is."""
        await self.service("lock.lock", entity_id=entity)
        await self.until(entity, "locked")

    async def service(self, name: str, **data: Any) -> None:
        """Call a service directly."""
        path = f"{self.url}/api/services/{name.replace('.', '/')}"
        async with self.http.post(path, json=data, headers=self._headers) as response:
            assert response.status == 200, await response.text()

    async def answer(self, name: str, **data: Any) -> Any:
        """What a service answers."""
        path = f"{self.url}/api/services/{name.replace('.', '/')}?return_response"
        async with self.http.post(path, json=data, headers=self._headers) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["service_response"]

    async def command(self, **message: Any) -> Any:
        """One command of the WebSocket API; its result."""
        async with self.http.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as connection:
            await connection.receive_json()
            await connection.send_json({"type": "auth", "access_token": self.token})
            assert (await connection.receive_json())["type"] == "auth_ok"
            await connection.send_json({"id": 1, **message})
            answer = await connection.receive_json(timeout=30)
            assert answer["success"], (message, answer)
            return answer["result"]

    async def guest_token(self) -> str:
        """A token of a user who is no administrator."""
        user = (await self.command(type="config/auth/create", name="Guest", group_ids=["system-users"]))["user"]
        await self.command(
            type="config/auth_provider/homeassistant/create", user_id=user["id"], username="guest", password="of the house"
        )
        client = {"client_id": f"{self.url}/"}
        flow = client | {"handler": ["homeassistant", None], "redirect_uri": f"{self.url}/"}
        async with self.http.post(f"{self.url}/auth/login_flow", json=flow) as response:
            step = f"{self.url}/auth/login_flow/{(await response.json())['flow_id']}"
        login = client | {"username": "guest", "password": "of the house"}
        async with self.http.post(step, json=login) as response:
            code = (await response.json())["result"]
        form = client | {"grant_type": "authorization_code", "code": code}
        async with self.http.post(f"{self.url}/auth/token", data=form) as response:
            token: str = (await response.json())["access_token"]
            return token

    async def furnish(self) -> None:
        """Rooms, nicknames, lists, and what the voice assistants may see."""
        for handler, data in (("shopping_list", {}), ("local_todo", {"todo_list_name": "Chores"})):
            await self.add_integration(handler, data)
        floor = await self.command(type="config/floor_registry/create", name="Downstairs")
        for area in ("living_room", "kitchen"):
            await self.command(type="config/area_registry/update", area_id=area, floor_id=floor["floor_id"])
        await self.command(type="config/area_registry/update", area_id="living_room", aliases=["Lounge"])
        for area, entities in AREAS.items():
            for entity in entities:
                await self.command(type="config/entity_registry/update", entity_id=entity, area_id=area)
        await self.command(type="config/entity_registry/update", entity_id="light.bed_light", aliases=["Reading lamp"])
        await self._have(EXPOSED)  # what is exposed before it is there is not exposed afterwards
        await self.command(
            type="homeassistant/expose_entity", assistants=["conversation"], entity_ids=EXPOSED, should_expose=True
        )
        await self.command(
            type="homeassistant/expose_entity", assistants=["conversation"], entity_ids=["switch.ac"], should_expose=False
        )

    async def _have(self, entities: Sequence[str]) -> None:
        """Wait until all of them are there; bounded."""
        async with asyncio.timeout(30):
            while set(entities) - {state["entity_id"] for state in await self.command(type="get_states")}:  # noqa: ASYNC110 - it has to be asked
                await asyncio.sleep(0.1)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def add_integration(self, handler: str, data: dict[str, Any]) -> str:
        """Set up an integration with one form; the id of its entry."""
        flows = f"{self.url}/api/config/config_entries/flow"
        async with self.http.post(flows, json={"handler": handler}, headers=self._headers) as response:
            flow = await response.json()
        assert flow["type"] == "form", flow
        async with self.http.post(f"{flows}/{flow['flow_id']}", json=data, headers=self._headers) as response:
            made = await response.json()
        assert made["type"] == "create_entry", made
        return str(made["result"]["entry_id"])

    async def remove_integration(self, entry: str) -> None:
        """Take it away again."""
        path = f"{self.url}/api/config/config_entries/entry/{entry}"
        async with self.http.delete(path, headers=self._headers) as response:
            assert response.status == 200, await response.text()

    async def _answers(self) -> None:
        while True:
            assert self.process is not None
            assert self.process.returncode is None, (self.folder / "hass.log").read_text(encoding="utf-8")
            try:
                async with self.http.get(f"{self.url}/api/onboarding") as response:
                    if response.status in {200, 404}:  # 404 once it has an owner
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)

    async def _settle_in(self) -> str:
        """Become its owner, and take a long-lived token."""
        client = f"{self.url}/"
        owner = {"client_id": client, "name": "Owner", "username": "owner", "password": "of the house", "language": "en"}
        async with self.http.post(f"{self.url}/api/onboarding/users", json=owner) as response:
            code = (await response.json())["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        async with self.http.post(f"{self.url}/auth/token", data=form) as response:
            self.token = (await response.json())["access_token"]
        token: str = await self.command(type="auth/long_lived_access_token", client_name="agentd", lifespan=365)
        return token


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def home_assistant(folder: Path, executable: Path, *, agentd: str, token: str) -> AsyncIterator[HomeAssistant]:
    """A furnished house, which knows the daemon as the documentation says.

    Args:
        agentd: the daemon's address.
        token: one that may do everything there.
    """
    port = free_port()
    for page, name in (("steering", "steering"), ("home-assistant", "reload")):
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
        (folder / f"{name}.yaml").write_text(block.replace("http://127.0.0.1:8690", agentd), encoding="utf-8")
    secrets = f'agentd_auth: "Bearer {token}"\nagentd_admin: "Bearer {token}"\n'
    (folder / "secrets.yaml").write_text(secrets, encoding="utf-8")
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port), encoding="utf-8")
    house = HomeAssistant(folder, port, executable)
    try:
        await house.start()
        await house.furnish()
        yield house
    finally:
        if house.process is not None and house.process.returncode is None:
            house.process.kill()
            await house.process.wait()
        await house.http.close()
