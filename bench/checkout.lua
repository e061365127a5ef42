#!lua name=souk_checkout
-- SPDX-License-Identifier: Apache-2.0
-- A whole checkout as one Redis function, as bench/peer_redis.c drives it: idempotency record, limit per customer,
-- stock, store credit, payment, ledger and order, atomically.
--
-- A customer is one hash (credit, units taken per sale, answers per idempotency key) and a sale another, so that a
-- checkout reads twice and writes five times: each redis.call costs, and Redis is bound by its core here.

-- FCALL checkout 5 customer:C sale:S order:C:K payment:C:K ledger   K units at_ms
-- An answer begins with an HTTP status. It is remembered under the key, save that somebody may try again when units
-- come back to a sale that was sold out.
local function checkout(keys, args)
    local customer, sale, order, payment, ledger = keys[1], keys[2], keys[3], keys[4], keys[5]
    local units = tonumber(args[2])
    local asked = sale .. ' ' .. args[2] .. ' '
    local record = 'key:' .. args[1]
    local taken_field = 'taken:' .. sale

    local mine = redis.call('HMGET', customer, record, 'credit', taken_field)
    local before = mine[1]
    if before then
        if string.sub(before, 1, #asked) == asked then return string.sub(before, #asked + 1) end
        return '422 key-reused'
    end

    local its = redis.call('HMGET', sale, 'free', 'sold', 'price', 'limit', 'currency')
    if not its[1] then return '404 not-found' end
    local free, price, limit = tonumber(its[1]), tonumber(its[3]), tonumber(its[4])
    local taken = tonumber(mine[3] or 0) + units
    if limit > 0 and taken > limit then
        redis.call('HSET', customer, record, asked .. '409 limit')
        return '409 limit'
    end
    if free < units then return '409 sold-out' end
    local total = price * units
    local credit = tonumber(mine[2] or 0) - total
    if credit < 0 then
        redis.call('HSET', customer, record, asked .. '402 insufficient-credit')
        return '402 insufficient-credit'
    end

    local answer = '201 ' .. order .. ' paid ' .. total .. ' ' .. its[5]
    redis.call('HSET', sale, 'free', free - units, 'sold', its[2] + units)
    redis.call('HSET', customer, 'credit', credit, taken_field, taken, record, asked .. answer)
    redis.call('HSET', payment, 'method', 'credit', 'amount', total, 'state', 'captured', 'at', args[3])
    redis.call('RPUSH', ledger, order .. ' ' .. customer .. ' -' .. total, order .. ' book:sales ' .. total)
    redis.call('HSET', order, 'sale', sale, 'units', args[2], 'total', total, 'state', 'paid', 'at', args[3])
    return answer
end

-- FCALL open 1 sale:S   units price currency limit
local function open(keys, args)
    return redis.call('HSET', keys[1], 'free', args[1], 'sold', 0, 'price', args[2], 'currency', args[3],
                      'limit', args[4])
end

-- FCALL credit 0   first count amount: so many customers get a store credit.
local function credit(_, args)
    local first, count = tonumber(args[1]), tonumber(args[2])
    for i = first, first + count - 1 do
        redis.call('HSET', 'customer:' .. string.format('%d', i), 'credit', args[3])
    end
    return count
end

-- FCALL audit_customers 0   first count credit: what these customers' orders amount to, from the records
-- that they left: {orders, units taken, payments, money paid by the orders, money missing in the accounts}.
local function audit_customers(_, args)
    local first, count, start = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
    local orders, taken, payments, paid, missing = 0, 0, 0, 0, 0
    for i = first, first + count - 1 do
        local id = string.format('%d', i)
        local all = redis.call('HGETALL', 'customer:' .. id)
        for f = 1, #all, 2 do
            local field, value = all[f], all[f + 1]
            if field == 'credit' then
                missing = missing + start - value
            elseif string.sub(field, 1, 6) == 'taken:' then
                taken = taken + value
            elseif string.find(value, ' 201 ', 1, true) then
                local name = id .. ':' .. string.sub(field, 5)
                local order = redis.call('HMGET', 'order:' .. name, 'state', 'total')
                if order[1] == 'paid' then orders, paid = orders + 1, paid + order[2] end
                if redis.call('HGET', 'payment:' .. name, 'amount') == order[2] then payments = payments + 1 end
            end
        end
    end
    return { orders, taken, payments, paid, missing }
end

-- FCALL audit_ledger 1 ledger   first count: {entries, debited, credited}
local function audit_ledger(keys, args)
    local first = tonumber(args[1])
    local entries = redis.call('LRANGE', keys[1], first, first + tonumber(args[2]) - 1)
    local debited, credited = 0, 0
    for i = 1, #entries do
        local amount = tonumber(string.match(entries[i], '%S+$'))
        if amount < 0 then debited = debited - amount else credited = credited + amount end
    end
    return { #entries, debited, credited }
end

redis.register_function('checkout', checkout)
redis.register_function('open', open)
redis.register_function('credit', credit)
redis.register_function('audit_customers', audit_customers)
redis.register_function('audit_ledger', audit_ledger)
