import { createScript, type Script } from "./script.ts";

/**
 * The operations on sessions that must be one step. A session is a hash: `user`, `ends` (the absolute limit), `idle` (the
 * idle limit), `generation`, and `replaced`, the generations within the grace as "3=1700000000000 4=…". All times are
 * milliseconds. Beside it stand its revocation, and the user's index: a sorted set of session ids by the time at which the
 * last of each ends, of its family or of its access tokens.
 *
 * The first write of a script decides whether a full server refuses it whole; none is refused half way. So what makes
 * something new begins with what needs room, and what ends something with what makes room: one can still log out.
 *
 * A script is told the keys that can be known before it runs, which lets a server have them at hand. Others it makes from
 * ids that it finds (who the user is stands in the hash), so one server must hold all of them: this is not for Redis
 * Cluster, where a gateway would have to ask twice.
 */
export interface SessionScripts {
  readonly create: Script;
  readonly rotate: Script;
  readonly revokeSession: Script;
  readonly revokeUser: Script;
}

/**
 * Arguments that all of them begin with: the key prefix, and the time or "" for the server's own. The server's is what
 * instances have in common, whatever their own clocks say, and it is right for a command that was under way for long.
 *
 * `keep` puts a session that has just been used where it belongs in time: its key's end, and its place in the index. (Here
 * and not in the script, whose comments a Worker would carry.)
 */
const COMMON = `
local prefix = ARGV[1]
local function redisTime()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = tonumber(ARGV[2]) or redisTime()
local function text(number) return string.format('%.0f', number) end
local function sessionKey(id) return prefix .. 'session:' .. id end
local function userKey(id) return prefix .. 'sessions-of:' .. id end
local function revoke(id, revokedForMs)
  redis.call('DEL', sessionKey(id))
  redis.call('SET', prefix .. 'revoked:sid:' .. id, text(now + revokedForMs), 'PX', text(revokedForMs))
end
local function keep(id, user, ends, idleMs, revokedForMs)
  local idle = math.min(ends, now + idleMs)
  redis.call('HSET', sessionKey(id), 'idle', text(idle))
  redis.call('PEXPIRE', sessionKey(id), text(math.max(1, idle - now)))
  redis.call('ZADD', userKey(user), text(math.max(idle, now + revokedForMs)), id)
  redis.call('PEXPIRE', userKey(user), text(math.max(idleMs, revokedForMs)))
end
`;

// prefix, now, session id, user id, ends, idleMs, revokedForMs, most sessions of a user
const CREATE = `${COMMON}
local id, user, ends = ARGV[3], ARGV[4], tonumber(ARGV[5])
local idleMs, revokedForMs, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('HSET', sessionKey(id), 'user', user, 'ends', text(ends), 'generation', '1', 'replaced', '')
keep(id, user, ends, idleMs, revokedForMs)
redis.call('ZREMRANGEBYSCORE', userKey(user), '-inf', text(now))
local excess = redis.call('ZCARD', userKey(user)) - most
for _, old in ipairs(redis.call('ZRANGE', userKey(user), 0, -1)) do
  if excess <= 0 then break end
  if old ~= id then
    revoke(old, revokedForMs)
    redis.call('ZREM', userKey(user), old)
    excess = excess - 1
  end
end
return 'OK'
`;

// prefix, now, session id, generation, graceMs, idleMs, revokedForMs, most replaced generations, latest time by Redis'
// own clock at which this may still be done, or ""
const ROTATE = `${COMMON}
local latest = tonumber(ARGV[9])
if latest and redisTime() > latest then return {'late', '0'} end
local id, presented, graceMs = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local idleMs, revokedForMs, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local found = redis.call('HMGET', sessionKey(id), 'user', 'ends', 'idle', 'generation', 'replaced')
local user, ends, idle, newest = found[1], tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
if not (user and ends and idle and newest) or ends <= now or idle <= now or presented > newest then
  return {'unknown', '0'}
end
local kept, repeated = {}, false
for generation, at in string.gmatch(found[5] or '', '(%d+)=(%d+)') do
  if now - tonumber(at) <= graceMs then
    kept[#kept + 1] = generation .. '=' .. at
    if tonumber(generation) == presented then repeated = true end
  end
end
if presented == newest then
  kept[#kept + 1] = text(newest) .. '=' .. text(now)
  if #kept > most then table.remove(kept, 1) end
  redis.call('HSET', sessionKey(id), 'generation', text(newest + 1), 'replaced', table.concat(kept, ' '))
  keep(id, user, ends, idleMs, revokedForMs)
  return {'rotated', text(newest + 1)}
end
if repeated then return {'repeated', text(newest)} end
revoke(id, revokedForMs)
redis.call('ZREM', userKey(user), id)
return {'replayed', '0'}
`;

// prefix, now, session id, revokedForMs
const REVOKE_SESSION = `${COMMON}
local user = redis.call('HGET', sessionKey(ARGV[3]), 'user')
revoke(ARGV[3], tonumber(ARGV[4]))
if user then redis.call('ZREM', userKey(user), ARGV[3]) end
return 'OK'
`;

// prefix, now, user id, revokedForMs
const REVOKE_USER = `${COMMON}
for _, id in ipairs(redis.call('ZRANGE', userKey(ARGV[3]), 0, -1)) do revoke(id, tonumber(ARGV[4])) end
redis.call('DEL', userKey(ARGV[3]))
return 'OK'
`;

export async function createSessionScripts(): Promise<SessionScripts> {
  const [create, rotate, revokeSession, revokeUser] = await Promise.all([
    createScript(CREATE),
    createScript(ROTATE),
    createScript(REVOKE_SESSION),
    createScript(REVOKE_USER),
  ]);
  return { create, rotate, revokeSession, revokeUser };
}
