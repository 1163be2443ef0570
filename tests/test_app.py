"""Channels exist when their tokens are set; settings that don't go together are named, secrets never."""

import logging

import pytest

from bot.app import channels_of
from bot.channels.whatsapp import limits
from bot.settings import BadSetting, Settings

WHATSAPP = {
    "SEGIN_WHATSAPP_TOKEN": "wa-secret", "SEGIN_WHATSAPP_PHONE_ID": "1", "SEGIN_WHATSAPP_APP_SECRET": "app-secret",
    "SEGIN_WHATSAPP_VERIFY_TOKEN": "word",
}  # fmt: skip


def test_without_tokens_there_is_the_web_chat_alone():
    assert list(channels_of(Settings.read({}))) == ["web"]


def test_each_token_brings_its_channel():
    given = {"SEGIN_TELEGRAM_TOKEN": "1:a", "SEGIN_TELEGRAM_MODE": "polling", **WHATSAPP}
    channels = channels_of(Settings.read(given))
    assert list(channels) == ["web", "telegram", "whatsapp"]
    assert channels["telegram"].rates.table is not None
    assert channels["whatsapp"].rates.table is not None


def test_rates_are_lifted_for_a_bench_and_that_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        channels = channels_of(Settings.read({"SEGIN_UNLIMITED_RATES": "1", **WHATSAPP}))
    assert channels["whatsapp"].rates.table is None
    assert "SEGIN_UNLIMITED_RATES" in caplog.text


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SEGIN_TELEGRAM_TOKEN": "1:tg-secret", "SEGIN_TELEGRAM_MODE": "carrier pigeon"}, "SEGIN_TELEGRAM_MODE"),
        ({"SEGIN_TELEGRAM_TOKEN": "1:tg-secret"}, "SEGIN_PUBLIC_URL"),
        ({"SEGIN_WHATSAPP_TOKEN": "wa-secret"}, "SEGIN_WHATSAPP_APP_SECRET"),
        ({"SEGIN_TELEGRAM_TOKENS": "1:tg-secret"}, "SEGIN_TELEGRAM_TOKENS"),
    ],
)
def test_what_does_not_go_together_is_named(given, named):
    with pytest.raises(BadSetting, match=named) as told:
        channels_of(Settings.read(given))
    assert "secret" not in str(told.value)


def test_the_address_of_the_provider_is_the_one_its_channel_knows():
    assert Settings().whatsapp_api_url == limits.API_URL
