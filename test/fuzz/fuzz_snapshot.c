/* SPDX-License-Identifier: Apache-2.0 */
/* test/fuzz/fuzz_snapshot.c -- what the vault holds: snapshots of actors, their names, and the marker of a checkpoint.
 * A snapshot that can be read is written again, read again, and is then the same to the byte; what can be told without
 * decoding it is what decoding it tells.
 *
 * An input is a byte that says what it is, one that says of which kind, and the bytes. */
#include "fuzz.h"

#include <stdlib.h>

#include "codec/dump.h"
#include "kinds.h"
#include "work/checkpoint.h"
#include "work/partition.h"

static souk_heap *heap;
static struct souk_arena arena;

static struct souk_cell *
cell_new(struct souk_directory *directory, const struct souk_kind *kind)
{
    return souk_cell_new(directory, &arena, kind, (souk_key){ 1, 2 });
}

static void
cell_free(struct souk_directory *directory, struct souk_cell *cell)
{
    souk_cell_free(directory, &arena, cell);
    souk_heap_free(heap, directory->slot, directory->slots * sizeof *directory->slot);
}

static struct souk_bytes
write_cell(const struct souk_cell *cell)
{
    size_t length = souk_snapshot_size(cell);
    uint8_t *at = malloc(length);
    souk_assert(at);
    souk_snapshot_write(cell, at, length);
    return (struct souk_bytes){ at, length };
}

static void
dump(const struct souk_kind *kind, const struct souk_cell *cell)
{
    uint32_t count;
    const struct souk_field *fields = kind->state(&count);
    size_t size = souk_state_size(kind, cell->state), length, again;
    uint8_t *state = malloc(size);
    souk_assert(state && souk_state_put(kind, state, cell->state) == state + size);
    struct souk_bytes bytes = { state, size };
    souk_assert(souk_dump_state(fields, count, bytes, NULL, 0, &length) == SOUK_ERR_TOO_LARGE);
    char *text = malloc(length + 1);
    souk_assert(text && !souk_dump_state(fields, count, bytes, text, length + 1, &again) && again == length);
    souk_assert(fuzz_is_json((struct souk_text){ text, length }, 8));
    free(text);
    free(state);
}

static void
read_again(const struct souk_kind *kind, const struct souk_cell *cell)
{
    struct souk_directory directory = { 0 };
    struct souk_bytes first = write_cell(cell);
    struct souk_cell *second = cell_new(&directory, kind);
    souk_assert(souk_snapshot_read(second, first, heap));
    struct souk_bytes same = write_cell(second);
    souk_assert(same.length == first.length && !memcmp(same.at, first.at, first.length));
    souk_assert(souk_snapshot_restore(second, first)); /* Over a state that is there. */
    struct souk_bytes restored = write_cell(second);
    souk_assert(restored.length == first.length && !memcmp(restored.at, first.at, first.length));
    free((void *)(uintptr_t)first.at);
    free((void *)(uintptr_t)same.at);
    free((void *)(uintptr_t)restored.at);
    cell_free(&directory, second);
}

static void
read_snapshot(const struct souk_kind *kind, struct souk_bytes bytes)
{
    struct souk_directory directory = { 0 };
    struct souk_snapshot_head head;
    struct souk_cell *cell = cell_new(&directory, kind);
    bool peeks = souk_snapshot_peek(bytes, &head), good = souk_snapshot_read(cell, bytes, heap);
    if (good) {
        souk_assert(peeks && head.position == cell->position && cell->snapshot == cell->position);
        read_again(kind, cell);
        dump(kind, cell);
    }
    cell_free(&directory, cell);
}

/* A damaged marker is noticed, whatever bit it is. */
static void
read_marker(struct souk_bytes bytes)
{
    struct souk_marker marker, again;
    uint8_t same[SOUK_MARKER_BYTES], twice[SOUK_MARKER_BYTES];
    bool old = false;
    if (bytes.length < SOUK_MARKER_BYTES) {
        if (!souk_marker_read(bytes, &marker, &old)) souk_assert(old);
        return;
    }
    souk_err err = souk_marker_read(bytes, &marker, &old);
    if (!err) {
        souk_assert(!old && bytes.length == SOUK_MARKER_BYTES);
    } else {
        memcpy(same, bytes.at, sizeof same);
        marker = (struct souk_marker){
            .number = souk_load_be64_(same), .position = souk_load_be64_(same + 8), .low = souk_load_be64_(same + 16),
            .link = { souk_load_be64_(same + 24), 2 }, .head = same[32], .rows = same[33], .sum = same[34],
            .tables = same[35],
        };
    }
    souk_marker_write(same, &marker);
    if (!err) souk_assert(!memcmp(same, bytes.at, sizeof same));
    struct souk_bytes written = { same, sizeof same };
    souk_assert(!souk_marker_read(written, &again, &old) && !old);
    souk_marker_write(twice, &again);
    souk_assert(!memcmp(twice, same, sizeof same));
    same[((const uint8_t *)bytes.at)[40] % sizeof same] ^= (uint8_t)(1 + ((const uint8_t *)bytes.at)[41] % 255);
    souk_assert(souk_marker_read(written, &again, &old) == SOUK_ERR_CORRUPT);
}

/* A head is written from what was read of it, to the same bytes. */
static void
read_head(struct souk_bytes bytes)
{
    struct souk_head head;
    if (!souk_head_read(bytes, &head)) return;
    uint8_t *same = malloc(bytes.length), *at = souk_head_put(same, &head);
    souk_assert(same);
    for (uint32_t i = 0; i < head.tables; i++) at = souk_head_put_table(at, souk_head_table(&head, i));
    for (uint32_t i = 0; i < head.rows; i++) {
        struct souk_index_row row = souk_head_row(&head, i);
        at = souk_head_put_row(at, &row);
        /* Any value but zero is yes. */
        if (row.has_asks) at[-1] = ((const uint8_t *)bytes.at)[(size_t)(at - same) - 1];
    }
    souk_assert(at == same + bytes.length && !memcmp(same, bytes.at, bytes.length));
    free(same);
}

static void
read_name(struct souk_bytes bytes)
{
    uint64_t number;
    uint32_t kind;
    souk_key key;
    uint8_t same[SOUK_SNAPSHOT_NAME];
    if (!bytes.length || !souk_snapshot_parse_name(bytes, &number, &kind, &key)) return;
    souk_snapshot_name(same, number, kind, key);
    souk_assert(!memcmp(same, bytes.at, sizeof same));
}

void
fuzz_snapshot(const uint8_t *at, size_t length)
{
    struct fuzz_input in = { at, length };
    if (!heap) arena.heap = heap = souk_heap_open(souk_memory_open());
    uint8_t what = fuzz_byte(&in), which = fuzz_byte(&in);
    unsigned count = 0;
    while (souk_commerce_kinds[count]) count++;
    struct souk_bytes bytes = { fuzz_copy(in.at, in.left), in.left };
    if (what % 8 == 7) read_marker(bytes);
    else if (what % 8 == 6) read_name(bytes);
    else if (what % 8 == 5) read_head(bytes);
    else read_snapshot(souk_commerce_kinds[which % count], bytes);
    free((void *)(uintptr_t)bytes.at);
}

FUZZ_ENTRY(snapshot)
