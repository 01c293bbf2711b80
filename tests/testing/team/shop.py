"""A team's app, as apps are.

The module's calls, calls imported by name, a client of its own, and a thread that works.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal

import analytics_posthog as analytics
from analytics_posthog import Client, identify, track

warehouse = Client("phc_warehouse", host="https://eu.i.posthog.com", send=False)  # made before any test


@dataclass
class Item:
    sku: str
    price: Decimal
    quantity: int = 1


def sign_up(user_id: str, plan: str, visitor: str) -> None:
    identify(user_id, {"plan": plan, "seats": 1}, anonymous_id=visitor)
    analytics.alias(visitor, user_id)


def complete_order(user_id: str, items: list[Item]) -> None:
    amount = sum(item.price * item.quantity for item in items)
    products = [{"sku": item.sku, "quantity": item.quantity} for item in items]
    track(user_id, "Order Completed", {"amount": amount, "currency": "EUR", "products": products})


def refund(user_id: str, order: str) -> None:
    analytics.track(user_id, "Order Refunded", {"order": order})


def join_company(user_id: str, company: int, name: str) -> None:
    analytics.group(user_id, company, {"name": name, "address": {"country": "DE"}})


def show_pricing(user_id: str | None, visitor: str) -> None:
    analytics.page(user_id, "Marketing", "Pricing", {"variant": "b"}, anonymous_id=visitor)


def open_settings(user_id: str) -> None:
    analytics.screen(user_id, name="Settings", context={"app": {"name": "Shop", "version": "2.1"}})


def send_newsletter(user_id: str, *, opted_out: bool) -> None:
    if opted_out:
        return
    analytics.track(user_id, "Newsletter Sent")


def pack(user_id: str, sku: str) -> None:
    worker = threading.Thread(target=warehouse.track, args=(user_id, "Item Packed", {"sku": sku}))
    worker.start()
    worker.join()


def ask_for_review(user_id: str, stars: int) -> None:
    analytics.track(user_id, "Review Given", {"stars": stars}, integrations={"Mixpanel": False})
