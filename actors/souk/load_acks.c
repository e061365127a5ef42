/* SPDX-License-Identifier: Apache-2.0 */
/* souk/load_acks.c -- what the buyers were told, as JSON lines for `souk check --acks`.
 *
 * A line is buffered when its answer has come, so whatever the file says was said to a buyer; the reverse holds once
 * the load is flushed. A write that fails is remembered: acks that are missing would make the check too kind. */
#include "load_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

souk_err
souk_load_acks_open(souk_load *load)
{
    struct load_acks *acks = &load->acks;
    acks->fd = -1;
    if (!load->plan.acks)
        return SOUK_OK;
    acks->buffer = malloc(LOAD_ACKS_BUFFER);
    if (!acks->buffer)
        return SOUK_ERR_MEMORY;
    acks->fd = open(load->plan.acks, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return acks->fd < 0 ? SOUK_ERR_IO : SOUK_OK;
}

/* Empties the buffer. A fault is kept, for souk_load_flush() to tell. */
static void
drain(struct load_acks *acks)
{
    size_t at = 0;
    while (at < acks->length && acks->fault == 0) {
        ssize_t wrote = write(acks->fd, acks->buffer + at, acks->length - at);
        if (wrote < 0 && errno != EINTR)
            acks->fault = errno;
        if (wrote > 0)
            at += (size_t)wrote;
    }
    acks->length = 0;
}

souk_err
souk_load_flush(souk_load *load)
{
    struct load_acks *acks = &load->acks;
    drain(acks);
    errno = acks->fault;
    return acks->fault == 0 ? SOUK_OK : acks->fault == ENOSPC ? SOUK_ERR_FULL : SOUK_ERR_IO;
}

void
souk_load_ack(souk_load *load, const struct load_buyer *buyer, struct souk_text order, unsigned status)
{
    struct load_acks *acks = &load->acks;
    char line[LINE_MAX_BYTES], customer[LOAD_NAME_MAX], key[LOAD_NAME_MAX];
    souk_json_writer out;
    struct souk_text text;
    if (acks->fd < 0)
        return;
    souk_json_init(&out, line, sizeof line);
    souk_json_object_open(&out);
    souk_json_put_text(&out, "order", order);
    souk_json_put_text(&out, "customer", souk_load_customer(load, buyer->number, customer));
    souk_json_put_text(&out, "key", souk_load_key(load, buyer->number, buyer->attempts, key));
    souk_json_put_u64(&out, "status", status);
    souk_json_put_text(&out, "sale", souk_text_of(load->watches[buyer->sale].name));
    souk_json_put_u64(&out, "units", load->plan.units_per_order);
    souk_json_object_close(&out);
    souk_json_newline(&out);
    souk_err err = souk_json_done(&out, &text);
    souk_assert(err == SOUK_OK); /* All its texts are short. */
    if (acks->length + text.length > LOAD_ACKS_BUFFER)
        drain(acks);
    memcpy(acks->buffer + acks->length, text.at, text.length);
    acks->length += text.length;
    load->tally.acks++;
}

void
souk_load_acks_close(souk_load *load)
{
    if (load->acks.fd >= 0) {
        drain(&load->acks);
        close(load->acks.fd);
    }
    load->acks.fd = -1;
    free(load->acks.buffer);
    load->acks.buffer = NULL;
}
