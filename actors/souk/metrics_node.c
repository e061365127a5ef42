/* SPDX-License-Identifier: Apache-2.0 */
/* souk/metrics_node.c -- see metrics.h. A row of a table is a family of one sample. */
#include "metrics.h"

#include "base/histogram.h"

#include <souk/version.h>
#include <stdlib.h>

struct row { const char *name; enum souk_prometheus_type type; size_t offset; const char *help; };

#define COUNT(name_, from, field, help_) { name_, SOUK_PROMETHEUS_COUNTER, offsetof(struct from, field), help_ }
#define NOW(name_, from, field, help_) { name_, SOUK_PROMETHEUS_GAUGE, offsetof(struct from, field), help_ }

static const struct row node_rows[] = {
    COUNT("souk_turns_total", souk_stats, turns, "Messages that actors decided or answered."),
    COUNT("souk_events_total", souk_stats, events, "Events that turns emitted."),
    COUNT("souk_refusals_total", souk_stats, refusals, "Turns that refused their message."),
    COUNT("souk_malformed_messages_total", souk_stats, malformed, "Messages whose body did not fit their table."),
    COUNT("souk_messages_total", souk_stats, messages, "Messages that turns sent."),
    COUNT("souk_messages_across_total", souk_stats, messages_across, "Messages that went to another shard."),
    COUNT("souk_asks_total", souk_stats, asks, "Messages whose outcome their sender waited for."),
    COUNT("souk_asks_late_total", souk_stats, late, "Asks that had no outcome in time."),
    COUNT("souk_requests_total", souk_stats, requests, "Commands and queries from outside that were let in."),
    COUNT("souk_requests_refused_total", souk_stats, requests_refused, "Commands and queries that were not let in."),
    COUNT("souk_replies_total", souk_stats, replies, "Answers to commands and queries from outside."),
    COUNT("souk_batches_total", souk_stats, batches, "Batches of turns that entered the journal's order."),
    COUNT("souk_batch_bytes_total", souk_stats, batch_bytes, "Bytes of those batches."),
    COUNT("souk_group_commits_total", souk_stats, groups, "Synced writes to the journal."),
    COUNT("souk_group_commit_bytes_total", souk_stats, group_bytes, "Bytes of those writes."),
    COUNT("souk_group_commits_inline_total", souk_stats, commits_inline, "Group commits that an idle worker made."),
    COUNT("souk_checkpoints_total", souk_stats, checkpoints, "Checkpoints that were completed."),
    COUNT("souk_shard_steals_total", souk_stats, steals, "Shards that an idle worker took from a busy one."),
    COUNT("souk_worker_parks_total", souk_stats, parks, "Times that a worker went to sleep."),
    COUNT("souk_faults_total", souk_stats, faults, "Turns that failed."),
    COUNT("souk_restarts_total", souk_stats, restarts, "Volatile actors that began anew after a fault."),
    COUNT("souk_dead_letters_total", souk_stats, dead_letters, "Messages that nobody took."),
    COUNT("souk_stalls_total", souk_stats, stalls, "Times that a worker was held for longer than --stall-ms."),
    NOW("souk_journal_position", souk_stats, position, "Position of the last batch."),
    NOW("souk_journal_durable_position", souk_stats, durable, "Position of the last batch that is on disk."),
    NOW("souk_backlog_bytes", souk_stats, backlog_bytes, "Bytes of batches that are not yet on disk."),
    NOW("souk_actors", souk_stats, actors, "Event-sourced actors in memory."),
    NOW("souk_volatile_actors", souk_stats, volatile_actors, "Volatile actors."),
    NOW("souk_mailbox_messages", souk_stats, mailbox_depth, "Messages that wait for their turn."),
    NOW("souk_subscriptions", souk_stats, feeds, "Subscriptions to events."),
    COUNT("souk_subscription_events_total", souk_stats, feed_events, "Events that were handed to subscribers."),
    COUNT("souk_subscription_skipped_total", souk_stats, feed_skipped, "Events left out for those too far behind."),
    COUNT("souk_subscription_reads_total", souk_stats, feed_reads, "Groups read from the journal for subscribers."),
    NOW("souk_memory_bytes", souk_stats, memory_bytes, "Memory of the node's own allocator."),
    NOW("souk_memory_used_bytes", souk_stats, memory_used, "Of these, what actors and messages use now."),
};

static const struct row wire_rows[] = {
    COUNT("souk_wire_frames_received_total", souk_wire_counts, frames_in, "ZeroMQ frames that came in."),
    COUNT("souk_wire_frames_sent_total", souk_wire_counts, frames_out, "ZeroMQ frames that went out."),
    COUNT("souk_wire_requests_total", souk_wire_counts, requests, "Requests in those frames."),
    COUNT("souk_wire_answers_total", souk_wire_counts, answers, "Answers to those requests."),
    COUNT("souk_wire_answers_dropped_total", souk_wire_counts, dropped, "Answers that a client never took."),
    COUNT("souk_wire_clients_rejected_total", souk_wire_counts, rejected, "Clients whose CURVE key is not allowed."),
    NOW("souk_wire_requests_in_flight", souk_wire_counts, in_flight, "Requests of ZeroMQ clients under way."),
    NOW("souk_wire_clients", souk_wire_counts, clients, "ZeroMQ clients that are known."),
};

static void
show(struct souk_prometheus *page, const struct row *rows, size_t count, const void *counts)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t *value = (const void *)((const char *)counts + rows[i].offset);
        souk_prometheus_one(page, rows[i].name, rows[i].type, rows[i].help, *value);
    }
}

void
souk_metrics_node(struct souk_prometheus *page, const souk_node *node)
{
    struct souk_stats stats;
    souk_node_stats(node, &stats);
    souk_prometheus_family(page, "souk_build_info", SOUK_PROMETHEUS_GAUGE, "Which souk this is; always 1.");
    souk_prometheus_u64(page, "version=\"" SOUK_VERSION "\"", 1);
    show(page, node_rows, sizeof node_rows / sizeof node_rows[0], &stats);
    struct souk_histogram *commits = calloc(1, sizeof *commits); /* 30 KiB: too much for a stack, too seldom to keep. */
    if (!commits) return;
    souk_node_commit_latency(node, commits);
    souk_prometheus_family(page, "souk_group_commit_seconds", SOUK_PROMETHEUS_HISTOGRAM,
                           "How long group commits took, with their sync.");
    souk_prometheus_seconds(page, NULL, commits);
    free(commits);
}

void
souk_metrics_wire(struct souk_prometheus *page, const souk_wire *wire)
{
    struct souk_wire_counts counts;
    souk_wire_count(wire, &counts);
    show(page, wire_rows, sizeof wire_rows / sizeof wire_rows[0], &counts);
    souk_prometheus_family(page, "souk_wire_refused_total", SOUK_PROMETHEUS_COUNTER,
                           "Requests that were refused before they reached an actor.");
    souk_prometheus_u64(page, "reason=\"malformed\"", counts.malformed);
    souk_prometheus_u64(page, "reason=\"unknown\"", counts.unknown);
    souk_prometheus_u64(page, "reason=\"denied\"", counts.denied);
    souk_prometheus_u64(page, "reason=\"expired\"", counts.expired);
    souk_prometheus_u64(page, "reason=\"too_large\"", counts.too_large);
    souk_prometheus_u64(page, "reason=\"overloaded\"", counts.overloaded);
}
