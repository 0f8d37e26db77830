"""Which actions may be offered, and the best of them: the strategy as columns and bit masks. Part of fast.py."""

from typing import Any

import msgspec
import numpy as np
from common.records import Counted, Offer, Placement, State
from common.rules import Masks, Rules

DAY = 86_400.0
WINDOWS = (DAY, 7 * DAY, 30 * DAY)

Places = list[tuple[str, int, int]]
"""Of a page: names, slots, and the actions that each placement allows."""


class Known(msgspec.Struct, gc=False):
    """What never changes of a customer, or of a brand, channel and device."""

    masks: Masks
    features: list[float]
    consent: float = 0.0
    owned: tuple[str, ...] = ()


class Chooser:
    """The strategy of one configuration.

    Raises:
      ValueError: Caps shrink with longer windows, so that the last contacts would not say enough.
    """

    def __init__(self, config: dict[str, Any], weights: Any, bias: Any) -> None:
        actions = config["actions"]
        self.rules = Rules(actions)
        self.index = {action["id"]: index for index, action in enumerate(actions)}
        self._weights, self._bias, self._features = np.ascontiguousarray(weights), bias, config["features"]
        self._ids = list(self.index)
        self._values = [action["value"] for action in actions]
        self._levers = [action["lever"] for action in actions]
        self._context = {
            name: [action["context_weight"][name] for action in actions] for name in config["channels"]
        }
        base = np.array(self._values) * np.array(self._levers)
        self._worth = {name: np.array(column) * base for name, column in self._context.items()}
        self._rows, self._bits = np.arange(len(actions)), [1 << index for index in range(len(actions))]
        self._channels = {name: index for index, name in enumerate(config["channels"])}
        self._group = [config["groups"].index(action["group"]) for action in actions]
        self._group_bits = [self._mask(self._group, group) for group in range(len(config["groups"]))]
        self._caps = [action["caps"] for action in actions]
        self._group_caps, self._channel_caps = config["group_caps"], config["channel_caps"]
        if any(caps != sorted(caps) for caps in (*self._caps, self._group_caps, self._channel_caps)):
            raise ValueError("caps that shrink with longer windows")
        allowed = {
            name: [name in action["placements"] for action in actions] for name in config["placement_names"]
        }
        self.places: dict[str, Places] = {
            page: [(name, slots, self._mask(allowed[name], True)) for name, slots in places]
            for page, places in config["page_placements"].items()
        }

    def _mask(self, column: list[Any], value: Any) -> int:
        """The actions that have this value."""
        return sum(bit for bit, each in zip(self._bits, column, strict=True) if each == value)

    def available(self, state: State, now: float, channel: str, eligible: int) -> tuple[int, dict[str, int]]:
        """Of the eligible actions those that contact policies allow, and how many each policy refused."""
        paused = eligible & ~_held(state.pauses, self._bits, now)
        actions = paused & ~_held(state.actions.until, self._bits, now)
        groups = actions & ~_held(state.groups.until, self._group_bits, now)
        closed = state.channels.until.get(self._channels[channel], 0.0) > now
        free = 0 if closed else groups
        counts = [each.bit_count() for each in (eligible, paused, actions, groups, free)]
        return free, {
            "candidates": len(self._ids),
            "ineligible": len(self._ids) - counts[0],
            "suppressed": counts[0] - counts[1],
            "capped_action": counts[1] - counts[2],
            "capped_group": counts[2] - counts[3],
            "capped_channel": counts[3] - counts[4],
        }

    def fill(
        self, placements: list[Placement], places: Places, free: int, channel: str, features: list[float]
    ) -> list[int]:
        """Put the best of what is free into placements; the actions offered, in the order of offers."""
        inputs = np.array(features)
        odds = self._weights @ inputs
        odds += self._bias
        np.exp(np.negative(odds, out=odds), out=odds)
        odds += 1.0
        worth = self._worth[channel] / odds
        picked, ends = self._pick(places, free, (-worth).argsort(kind="stable").tolist())
        if picked:
            reasons = self._reasons(picked, inputs)
            chances, priorities = (1.0 / odds.take(picked)).tolist(), worth.take(picked).tolist()
            context, begin = self._context[channel], 0
            for placement, end in zip(placements, ends, strict=True):
                for place in range(begin, end):
                    action = picked[place]
                    offer = Offer(
                        self._ids[action],
                        place - begin + 1,
                        round(chances[place], 6),
                        context[action],
                        self._values[action],
                        self._levers[action],
                        round(priorities[place], 6),
                        reasons[place],
                    )
                    placement.offers.append(offer)
                begin = end
        return picked

    def _pick(self, places: Places, free: int, order: list[int]) -> tuple[list[int], list[int]]:
        """The first actions of the order that each placement allows, and how many there are after each placement."""
        picked: list[int] = []
        ends: list[int] = []
        for _, slots, mask in places:
            wanted, upto = free & mask, len(picked) + slots
            if wanted:
                for action in order:
                    if wanted >> action & 1:
                        picked.append(action)
                        free ^= self._bits[action]
                        if len(picked) == upto:
                            break
            ends.append(len(picked))
        return picked, ends

    def _reasons(self, picked: list[int], inputs: Any) -> list[list[str]]:
        """The two features that speak most for each action; of equals the first."""
        parts = self._weights.take(picked, 0)
        parts *= inputs
        first = parts.argmax(1)
        parts[self._rows[: len(picked)], first] = -np.inf
        pairs = zip(first.tolist(), parts.argmax(1).tolist(), strict=True)
        return [[self._features[one], self._features[two]] for one, two in pairs]

    def remember(self, state: State, now: float, picked: list[int], channel: str) -> None:
        """Count the offers as contacts, and note until when caps hold."""
        for action in picked:
            _count(state.actions, action, self._caps[action], now)
            _count(state.groups, self._group[action], self._group_caps, now)
        _count(state.channels, self._channels[channel], self._channel_caps, now, len(picked))


def _held(until: dict[int, float], bits: list[int], now: float) -> int:
    """The actions that something keeps from being offered; what has ended is forgotten."""
    held, ended = 0, []
    for key, end in until.items():
        if end > now:
            held |= bits[key]
        else:
            ended.append(key)
    for key in ended:
        del until[key]
    return held


def _count(counted: Counted, key: int, caps: list[int], now: float, contacts: int = 1) -> None:
    """Count contacts: a cap of n in a window holds until the n-th last contact is a window ago."""
    times = counted.times.get(key)
    if times is None:
        times = counted.times[key] = []
    times += [now] * contacts
    size, end = len(times), 0.0
    for most, window in zip(caps, WINDOWS, strict=True):
        if size >= most:
            end = max(end, times[-most] + window)
    if end:
        counted.until[key] = end
    if size > caps[-1]:
        del times[: size - caps[-1]]
