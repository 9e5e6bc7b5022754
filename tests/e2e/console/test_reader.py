"""The page at /docs in a browser: it shows the whole document and tries a call, with nothing from elsewhere."""

import pytest
from playwright.async_api import BrowserContext, expect

from agentd.http.routes import ROUTES
from tests.support.daemon import DaemonProcess
from tests.support.programs import needs_chromium

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]


async def test_the_page_shows_every_operation_and_tries_one(context: BrowserContext, daemon: DaemonProcess) -> None:
    page = await context.new_page()
    faults: list[str] = []
    addresses: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: addresses.append(request.url))
    await page.goto(daemon.url + "/docs")
    await expect(page.locator(".opblock")).to_have_count(len(ROUTES))

    await page.get_by_role("button", name="Authorize").click()
    await page.locator(".auth-container input").fill(daemon.token)
    await page.locator(".auth-btn-wrapper button[type=submit]").click()
    await page.get_by_role("button", name="Close").first.click()
    operation = page.locator("#operations-service-get_agents")
    await operation.locator(".opblock-summary").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response").first
    await expect(answer.locator(".response-col_status")).to_contain_text("200")
    await expect(answer).to_contain_text("passthrough")

    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    assert daemon.token not in kept
    assert [address for address in addresses if not address.startswith((daemon.url + "/", "data:", "blob:"))] == []
    assert faults == []
