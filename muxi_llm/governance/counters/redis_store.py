"""Counts in Redis, for gateways on several machines: one script an exchange, on Redis's own clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import redis

from muxi_llm.governance.counters.shared import LEASE, Reply
from muxi_llm.governance.limits import MINUTE, SOON, Reading, Verdict, key_of
from muxi_llm.harness.redis_client import client_of
from muxi_llm.routing.windows import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.governance.counters.shared import Exchange
    from muxi_llm.governance.limits import Demand

BUDGET = 0.05
"""Seconds an answer of Redis's may take."""

BASE = "{muxi-llm}:limits"
"""How all keys begin: in one slot of a cluster's, so that one script may touch them."""


class RedisStore:
    """A Redis. What comes so late that nobody waits for it any more is not done there either."""

    def __init__(self, url: str, minute: int = MINUTE) -> None:
        self._span = minute / PARTS
        self._ahead: float | None = None
        """Seconds by which its clock is ahead of ours, at least; `None`: not known."""
        self._client: Any = client_of(url, BUDGET)
        self._budget: float = self._client.get_connection_kwargs()["socket_timeout"]
        self._script = self._client.register_script(SCRIPT)

    def exchange(self, exchange: Exchange) -> Reply:
        """In one script, which Redis runs as a whole."""
        until = None if self._ahead is None else time.monotonic() + self._ahead + self._budget
        said = {
            "process": exchange.process,
            "until": until,
            "told": [(key_of(whose), *rest) for whose, *rest in exchange.told],
            "asked": [_asked(one) for one in exchange.asked],
        }
        arguments: Sequence[bytes | float] = [orjson.dumps(said), self._span, PARTS, LEASE, SOON]
        try:
            found = orjson.loads(self._script(keys=[BASE], args=arguments))
        except (redis.RedisError, ValueError) as error:  # somebody else's numbers are none of ours
            raise OSError(type(error).__name__) from error
        now = float(found["now"])
        self._look_at_clock(now - time.monotonic())
        if found["late"]:
            raise OSError("TooLate")
        verdicts = [
            _verdict(one, told, found["part"])
            for one, told in zip(exchange.asked, found["verdicts"], strict=True)
        ]
        return Reply(verdicts, now, found["known"])

    def close(self) -> None:
        """No more."""
        self._client.close()

    def _look_at_clock(self, ahead: float) -> None:
        """The most that was seen is nearest the truth, an answer takes its time; unless the clock was set."""
        is_near = self._ahead is not None and abs(self._ahead - ahead) < 1.0
        self._ahead = max(self._ahead or ahead, ahead) if is_near else ahead


def _asked(demand: Demand) -> list[tuple[str, int, int]]:
    return [(key_of(limit[:4]), demand.amount(limit), limit.most) for limit in demand.limits]


def _verdict(demand: Demand, told: Sequence[Any], part: int) -> Verdict:
    is_granted, *readings = told
    found = zip(demand.limits, readings, strict=True)
    return Verdict(is_granted, tuple(Reading(limit, *reading) for limit, reading in found), part)


SCRIPT = """
local base, span, parts = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, soon = tonumber(ARGV[4]), tonumber(ARGV[5])
local said = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local part = math.floor(now / span)
local first = part - parts
local reply = {now = string.format('%.6f', now), part = part, late = false, known = true}
if type(said['until']) == 'number' and now > said['until'] then
    reply.late = true
    return cjson.encode(reply)
end

local function whole(number) return string.format('%d', number) end
local function alive(process) return base .. ':process:' .. process end
local function is_window(key) return string.sub(key, 1, 9) ~= 'parallel:' end

local me, day = said.process, 86400
reply.known = redis.call('EXISTS', alive(me)) == 1
redis.call('SET', alive(me), '', 'PX', lease * 1000)

-- What a process has counted itself, by stretch: its own to say, and forgotten when nobody asks any more.
local function own(at) return base .. ':own:' .. me .. ':' .. whole(math.floor(at / parts)) end

local function add(key, at, number)
    local name, field = base .. ':' .. key, is_window(key) and whole(at) or me
    if redis.call('HINCRBY', name, field, number) == 0 then redis.call('HDEL', name, field) end
    redis.call('EXPIRE', name, is_window(key) and math.ceil(2 * parts * span) + 1 or day)
    if is_window(key) then
        redis.call('HINCRBY', own(at), key .. ' ' .. whole(at), number)
        redis.call('EXPIRE', own(at), math.ceil(3 * parts * span) + 1)
    end
end

for _, told in ipairs(said.told) do
    local key, at, number = told[1], told[2], told[3]
    if not is_window(key) then
        add(key, at, number - tonumber(redis.call('HGET', base .. ':' .. key, me) or 0))
    elseif at >= first then
        add(key, at, number - tonumber(redis.call('HGET', own(at), key .. ' ' .. whole(at)) or 0))
    end
end

local living = {[me] = true}
local function counts(key, field)
    if is_window(key) then
        local at = tonumber(field)
        return at >= first and at <= part + 1
    end
    if living[field] == nil then living[field] = redis.call('EXISTS', alive(field)) == 1 end
    return living[field]
end

local seen = {}
local function look(key)
    if seen[key] then return seen[key] end
    local found, gone, name = {total = 0, parts = {}}, {}, base .. ':' .. key
    local flat = redis.call('HGETALL', name)
    for i = 1, #flat, 2 do
        if counts(key, flat[i]) then
            local number = tonumber(flat[i + 1])
            found.total = found.total + number
            if is_window(key) then table.insert(found.parts, {tonumber(flat[i]), number}) end
        else
            table.insert(gone, flat[i])
        end
    end
    if #gone > 0 then redis.call('HDEL', name, unpack(gone)) end
    seen[key] = found
    return found
end

local function wait(key, over)
    if not is_window(key) then return soon end
    local found = seen[key].parts
    table.sort(found, function(one, other) return one[1] < other[1] end)
    for _, each in ipairs(found) do
        over = over - each[2]
        if over <= 0 then return (each[1] + 1 + parts) * span - now end
    end
    return parts * span
end

reply.verdicts = {}
for _, limits in ipairs(said.asked) do
    local verdict = {true}
    for i, limit in ipairs(limits) do
        local key, amount, most = limit[1], limit[2], limit[3]
        local left = most - look(key).total
        if left < amount then verdict[1] = false end
        verdict[i + 1] = {math.max(left, 0), left < amount and wait(key, amount - left) or 0}
    end
    if verdict[1] then
        for i, limit in ipairs(limits) do
            local key, amount, found = limit[1], limit[2], look(limit[1])
            add(key, part, amount)
            found.total = found.total + amount
            if is_window(key) then table.insert(found.parts, {part, amount}) end
            verdict[i + 1][1] = verdict[i + 1][1] - amount
        end
    end
    table.insert(reply.verdicts, verdict)
end
return cjson.encode(reply)
"""
"""Takes the numbers that are told for the process's own, then decides request by request, as `Counts` does.

Of a window there is a hash with everybody's number of each part; of places at once one with each process's.
A process that is not heard of for its lease has nothing under way any more.
"""
