/* SPDX-License-Identifier: Apache-2.0 */
/* bench/common/bare.h -- the least that a durable log can do: a file that grows by write() and fdatasync().
 *
 * What a journal is held against, in the same directory and the same minutes. For one thread. */
#ifndef SOUK_BENCH_BARE_H
#define SOUK_BENCH_BARE_H

#include "process.h"

/* fd -1: not open. */
struct souk_bench_bare { int fd; };

/* Makes an empty DIR/bare. SOUK_ERR_IO after a message. */
souk_err souk_bench_bare_open(struct souk_bench_bare *bare, const struct souk_bench_dir *dir) SOUK_MUST_CHECK;
/* Appends the bytes, and returns when they are on disk. SOUK_ERR_IO after a message. */
souk_err souk_bench_bare_append(const struct souk_bench_bare *bare, const void *at, size_t length) SOUK_MUST_CHECK;
void souk_bench_bare_close(struct souk_bench_bare *bare);

#endif
