/* SPDX-License-Identifier: Apache-2.0 */
/* test/volatile/puppet_kind.h -- the handlers of one kind of puppet.h: what each kind's .c file is made of. */
#ifndef TEST_VOLATILE_PUPPET_KIND_H
#define TEST_VOLATILE_PUPPET_KIND_H

#include "puppet.h"

/* The handlers of kind K, which all do what the message says. */
#define PUPPET_HANDLERS(K)                                                                                \
    static souk_verdict on_##K##_run(struct K *self, const struct K##_run *c, souk_turn *turn)            \
    {                                                                                                     \
        return ((puppet_code *)(uintptr_t)c->code)((struct puppet_self *)(void *)self, turn, c->value);        \
    }                                                                                                     \
    static souk_verdict on_##K##_load(struct K *self SOUK_UNUSED, const struct K##_load *c, souk_turn *t) \
    {                                                                                                     \
        note(t, c->parts.count);                                                                          \
        return SOUK_ACCEPT;                                                                               \
    }                                                                                                     \
    static souk_verdict on_##K##_heard(struct K *self, const struct souk_outcome *o, souk_turn *turn)     \
    {                                                                                                     \
        puppet_hears *heard = self->heard ? (puppet_hears *)(uintptr_t)self->heard : hear_note;           \
        return heard((struct puppet_self *)(void *)self, o, turn);                                             \
    }                                                                                                     \
    static souk_verdict on_##K##_ended(struct K *self, const struct souk_outcome *o, souk_turn *turn)     \
    {                                                                                                     \
        return on_##K##_heard(self, o, turn);                                                             \
    }                                                                                                     \
    static souk_verdict answer_##K##_look(const struct K *self, const struct K##_look *q,                 \
                                          const souk_turn *turn SOUK_UNUSED, struct puppet_said *view)    \
    {                                                                                                     \
        const struct puppet_self *me = (const struct puppet_self *)(const void *)self;                              \
        return ((puppet_looks *)(uintptr_t)q->code)(me, q->value, &view->value);                          \
    }

#endif
