/* SPDX-License-Identifier: Apache-2.0 */
/* base/roles.h -- which thread a function runs on, said in its declaration and checked by clang.
 *
 * A role is a capability of clang's thread-safety analysis that exists only at compile time: a thread's body becomes
 * its role, what it calls requires it, and a call from another role is a warning, which the build makes an error.
 * Other compilers see nothing of it.
 *
 *     void souk_shard_run(souk_shard *shard) SOUK_ON(worker);
 */
#ifndef SOUK_BASE_ROLES_H
#define SOUK_BASE_ROLES_H

#if defined(__clang__)
#define SOUK_ROLE(name)                                                         \
    struct __attribute__((capability("thread role"))) souk_##name##_role {      \
        char unused;                                                            \
    };                                                                          \
    extern struct souk_##name##_role souk_on_##name
/* Runs only on a thread of that role. */
#define SOUK_ON(name) __attribute__((requires_capability(souk_on_##name)))
/* Must not be called on a thread of that role: it would wait for itself. */
#define SOUK_NOT_ON(name) __attribute__((locks_excluded(souk_on_##name)))
/* The calling thread takes the role, or lays it down: for thread bodies, and for the simulator, which plays all. */
#define SOUK_BECOMES(name) __attribute__((acquire_capability(souk_on_##name)))
#define SOUK_LEAVES(name) __attribute__((release_capability(souk_on_##name)))
/* The body of SOUK_BECOMES and SOUK_LEAVES functions themselves. */
#define SOUK_ROLE_UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define SOUK_ROLE(name) struct souk_##name##_role
#define SOUK_ON(name)
#define SOUK_NOT_ON(name)
#define SOUK_BECOMES(name)
#define SOUK_LEAVES(name)
#define SOUK_ROLE_UNCHECKED
#endif

/* Runs turns, owns its sockets and timers. */
SOUK_ROLE(worker);
/* Commits groups of batches. */
SOUK_ROLE(journal);
/* Reads actors back from the state database. */
SOUK_ROLE(loader);
/* Owns the ZeroMQ sockets. */
SOUK_ROLE(wire);
/* Speaks to the outside: a payment provider. */
SOUK_ROLE(port);

#endif
