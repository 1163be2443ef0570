"""What WhatsApp delivers: recorded (`payloads/`), or put together; signed.

body = delivery(messages(text("15550100001", "Bonjour", "wamid.1")), statuses("read", "wamid.2"))
assert await post(http, url, body) == 200
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import aiohttp

PHONE_ID, SECRET = "106540352242922", "app secret"
PAYLOADS = Path(__file__).parent / "payloads"


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def delivery(*values: dict[str, Any]) -> dict[str, Any]:
    """One delivery; each value is what `messages` or `statuses` gives."""
    metadata = {"display_phone_number": "15550783881", "phone_number_id": PHONE_ID}
    changes = [
        {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
        for value in values
    ]
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": changes}]}


def text(address: str, words: str, message_id: str, at: int = 1_795_000_000) -> dict[str, Any]:
    """A message as it stands in `messages`."""
    who = {"from_user_id": address[5:]} if address.startswith("user:") else {"from": address}
    return {**who, "id": message_id, "timestamp": str(at), "type": "text", "text": {"body": words}}


def tap(address: str, tapped: str, message_id: str, at: int = 1_795_000_000) -> dict[str, Any]:
    """A press on a button of ours."""
    reply = {"type": "button_reply", "button_reply": {"id": tapped, "title": "x"}}
    return {"from": address, "id": message_id, "timestamp": str(at), "type": "interactive", "interactive": reply}


def messages(*given: dict[str, Any]) -> dict[str, Any]:
    people = [{"wa_id": who, "profile": {"name": "x"}} for who in {one.get("from") for one in given} if who]
    return {"contacts": people, "messages": list(given)}


def statuses(kind: str, *message_ids: str, code: int = 0) -> dict[str, Any]:
    more = {"errors": [{"code": code, "title": "x"}]} if code else {}
    return {
        "statuses": [
            {"id": one, "status": kind, "timestamp": "1795000001", "recipient_id": "15550100001", **more}
            for one in message_ids
        ]
    }


async def post(http: aiohttp.ClientSession, url: str, body: object) -> int:
    """Deliver; gives the status. `url`: the webhook's."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(url, data=raw, headers=signed(raw)) as response:
        await response.read()
        return response.status


def recorded() -> dict[str, dict[str, Any]]:
    """Every recorded payload by name: `what` it is, the `delivery`, what it `becomes`."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(PAYLOADS.glob("*.json"))}
