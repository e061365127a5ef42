/* SPDX-License-Identifier: Apache-2.0 */
/* cell/name.c -- what messages and verdicts are called, for people: see turn.h. Pure; any thread. */
#include "cell/turn.h"

static const char *
signal_name(uint32_t signal)
{
    switch ((enum souk_signal)signal) {
    case SOUK_SIGNAL_STOP: return "(stop)";
    case SOUK_SIGNAL_LINK: return "(link)";
    case SOUK_SIGNAL_UNLINK: return "(unlink)";
    case SOUK_SIGNAL_MONITOR: return "(monitor)";
    case SOUK_SIGNAL_UNMONITOR: return "(unmonitor)";
    case SOUK_SIGNAL_LINK_DOWN: return "(link down)";
    case SOUK_SIGNAL_CHILD_DOWN: return "(child down)";
    case SOUK_SIGNAL_ESCALATE: return "(escalate)";
    case SOUK_SIGNAL_CANCEL: return "(cancel)";
    case SOUK_SIGNAL_RESTART: return "(restart)";
    case SOUK_SIGNAL_IDLE: return "(idle)";
    }
    return "(signal)";
}

uint32_t
souk_message_tag(const struct souk_message *m)
{
    if (m->class == SOUK_SIGNAL) return m->tag | SOUK_AT_SIGNAL;
    return m->tag | (m->class == SOUK_OUTCOME ? SOUK_AT_REPLY : m->is_query ? SOUK_AT_QUERY : 0);
}

const char *
souk_message_name(const struct souk_kind *kind, uint32_t tag)
{
    uint32_t class = tag & SOUK_AT_SIGNAL;
    tag &= ~(uint32_t)SOUK_AT_SIGNAL;
    if (class == SOUK_AT_SIGNAL) return signal_name(tag);
    if (!kind) return "(to nobody)";
    enum souk_class row_class = class == SOUK_AT_QUERY ? SOUK_QUERY : class ? SOUK_REPLY : SOUK_COMMAND;
    for (const struct souk_row *const *row = kind->rows; *row; row++)
        if ((*row)->tag == tag && (*row)->class == row_class) return (*row)->name;
    return tag ? "(unknown)" : "(outcome)";
}

const char *
souk_verdict_name(const struct souk_kind *kind, souk_verdict verdict)
{
    switch (verdict) {
    case SOUK_ACCEPT: return "accept";
    case SOUK_LATER: return "later";
    case SOUK_WAIT: return "wait";
    case SOUK_MALFORMED: return "malformed";
    case SOUK_UNKNOWN: return "unknown";
    case SOUK_EXPIRED: return "expired";
    case SOUK_OVERLOADED: return "overloaded";
    case SOUK_FAILED: return "failed";
    default: break;
    }
    for (const struct souk_refusal *r = kind->refusals; r->code; r++)
        if (r->code == verdict) return r->name;
    return "refused";
}
